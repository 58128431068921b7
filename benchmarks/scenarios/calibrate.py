"""What the generator itself can do: its speed, its punctuality, the truth of its clock.

Run against a server that does nothing, or does nothing for a known time. A figure of
another scenario that comes near these is a figure of the generator.
"""

from __future__ import annotations

from benchmarks.load.generator import Generators
from benchmarks.load.workload import Call, Closed, Open, Window, Workload
from benchmarks.scenarios import servers
from benchmarks.scenarios.scenario import Scenario, Target

_UNARY = Call("/noop.Noop/Answer", (b"x" * 64,))
DELAYS_MS = (5, 50)
RATES = (250.0, 500.0, 1000.0)


def ceiling(generators: Generators, seconds: float) -> dict[str, float]:
    """Closed loop, 16 calls at once, for `seconds`.

    throughput: answers a second, server and generator sharing the machine
    client_cpu: share of one core the generator used for it
    per_core: answers a second if it had that core to itself
    """
    workload = Workload("ceiling", "", _UNARY, Closed(16), "throughput")
    with servers.module("benchmarks.peers.noop") as address:
        measured = generators.measure(address, workload, Window(0.3, seconds), 1)
    return {
        "throughput": measured.throughput,
        "client_cpu": measured.client_cpu,
        "per_core": measured.throughput / max(measured.client_cpu, 1e-9),
    }


def build() -> Scenario:
    """Rates with a gate on lateness, and servers of known delay."""
    closed = [
        Workload(f"closed-c{n}", f"no-op, {n} clients", _UNARY, Closed(n), "throughput")
        for n in (1, 16)
    ]
    opened = [
        Workload(f"open-{rate:.0f}", f"no-op, Poisson {rate:.0f}/s", _UNARY, Open(rate), "p50")
        for rate in RATES
    ]
    delayed = [
        Target(f"{delay} ms", servers.module("benchmarks.peers.noop", "--delay-ms", str(delay)))
        for delay in DELAYS_MS
    ]
    return Scenario(
        name="calibrate",
        workloads=(*closed, *opened),
        targets=(Target("no-op", servers.module("benchmarks.peers.noop")), *delayed),
        claims=(),
        check=lambda workload, answers: None,
        notes={
            "no-op": "grpc.aio, answers with the request's bytes",
            **{f"{d} ms": f"the same after {d} ms; p50 beyond them is error" for d in DELAYS_MS},
        },
    )
