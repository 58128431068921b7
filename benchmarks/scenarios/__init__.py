"""What is measured.

A new scenario is a module here with `build(...) -> Scenario` and a branch in
`benchmarks.cli`: workloads (a `Call` of bytes, a load, the statistic to compare by),
targets (a name and what gives an address: `servers.module`, `servers.cluster`,
`servers.running`, or a `Loop` that measures itself), claims, and a check that answers
are right. Starting, interleaving, gates, intervals, files and tables follow.

A new peer is a module in `benchmarks.peers` that prints `{"port": N}` when it is ready
and ends on SIGTERM; name it in a scenario by `servers.module("benchmarks.peers.it")`.
"""
