"""The benchmark suite: measures servers from outside, and says how sure it is.

load/       sends requests by a schedule and records each of them
stats/      percentiles honest about their sample, intervals, paired ratios, gates
scenarios/  what is measured: workloads, targets, and the claims made of them
peers/      the servers we compare with
report/     tables, the manifest, the files of a run
"""
