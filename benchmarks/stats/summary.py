"""A workload on one target, summed up: what the table and the results file show."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.load.record import Measured, Records
from benchmarks.load.workload import Closed, Statistic, Workload
from benchmarks.stats import bootstrap
from benchmarks.stats.bootstrap import Interval
from benchmarks.stats.gates import Gates
from benchmarks.stats.percentiles import Percentile, percentile, rank

PERCENTILES = (0.5, 0.9, 0.99, 0.999)
_QUANTILES: dict[Statistic, float] = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "ttft": 0.5}


@dataclass(frozen=True)
class Latency:
    """Percentiles in nanoseconds; `intervals` (95 %) of responses that have a value."""

    percentiles: tuple[Percentile, ...]
    intervals: tuple[Interval | None, ...]

    def at(self, p: float) -> Percentile:
        return next(entry for entry in self.percentiles if entry.p == p)


@dataclass(frozen=True)
class Growth:
    """Of answers that grow.

    first: from the intended send time to the first text
    per_token: from token to token after the first, the mean of each answer
    tokens: a second, over all rounds
    merged: tokens a piece, on average; above 1 some came together
    """

    first: Latency
    per_token: Latency
    tokens: float
    merged: float


@dataclass(frozen=True)
class Cell:
    """`service` counts from the actual, `response` from the intended send time.

    censored: response times in which a failed request takes as long as its timeout,
        so that failing fast does not look fast
    rounds: the workload's statistic, round by round (seconds, or answers or tokens a second)
    also: the same of its further statistics
    little: throughput x mean service time / concurrency of a closed loop; what is
        missing to 1 is time the clients spent on themselves
    client_cpu: share of one core the generator used, median over rounds
    stages: median nanoseconds the server says it spent, by stage
    """

    workload: str
    target: str
    n: int
    failed: int
    throughput: float
    service: Latency
    response: Latency
    censored: Latency
    lateness: Latency
    lateness_max_ns: int
    rounds: tuple[float, ...]
    little: float | None
    client_cpu: float
    stages: dict[str, float]
    invalid: tuple[str, ...]
    also: dict[Statistic, tuple[float, ...]] = field(default_factory=dict)
    growth: Growth | None = None

    def by(self, statistic: Statistic | None) -> tuple[float, ...]:
        """A statistic's rounds; of the workload's own without one."""
        return self.rounds if statistic is None else self.also[statistic]


def summarise(
    workload: Workload, target: str, blocks: list[Measured], gates: Gates, seed: int
) -> Cell:
    """blocks: one per round, in order."""
    counted = [block.counted for block in blocks]
    pooled = Records.merge(counted)
    good = pooled.ok
    seconds = sum(block.seconds for block in blocks)
    throughput = sum(block.completed for block in blocks) / seconds
    timeout = int(workload.call.timeout_s * 1e9)
    failed = pooled.column("status") != 0
    little = None
    if isinstance(workload.load, Closed) and len(good):
        little = throughput * float(good.service_ns.mean()) / 1e9 / workload.load.concurrency
    return Cell(
        workload=workload.name,
        target=target,
        n=len(pooled),
        failed=int(failed.sum()),
        throughput=throughput,
        service=_latency(good.service_ns),
        response=_latency(good.response_ns, seed=seed),
        censored=_latency(
            np.where(failed, np.maximum(timeout, pooled.response_ns), pooled.response_ns)
        ),
        lateness=_latency(pooled.lateness_ns),
        lateness_max_ns=int(pooled.lateness_ns.max(initial=0)),
        rounds=tuple(_statistic(workload.statistic, block) for block in blocks),
        little=little,
        client_cpu=float(np.median([block.client_cpu for block in blocks])),
        stages=_stages(good),
        invalid=tuple(gates.failures(workload.load, blocks)),
        also={
            statistic: tuple(_statistic(statistic, block) for block in blocks)
            for statistic in workload.also
        },
        growth=_growth(good, blocks, seed) if workload.call.form != "whole" else None,
    )


def _growth(good: Records, blocks: list[Measured], seed: int) -> Growth:
    seconds = sum(block.seconds for block in blocks)
    pieces = int(good.column("pieces").sum())
    return Growth(
        first=_latency(good.first_ns, seed=seed),
        per_token=_latency(good.per_token_ns, seed=seed),
        tokens=sum(block.token_rate * block.seconds for block in blocks) / seconds,
        merged=int(good.column("tokens").sum()) / max(1, pieces),
    )


def _latency(samples: NDArray[np.int64] | NDArray[np.float64], seed: int | None = None) -> Latency:
    """With a seed, with intervals too: they cost most of a summary's time."""
    entries = tuple(percentile(samples, p) for p in PERCENTILES)
    known = [entry.p for entry in entries if entry.value is not None]
    intervals: dict[float, Interval] = {}
    if known and seed is not None:
        found = bootstrap.quantiles(samples, known, seed=seed)
        intervals = dict(zip(known, found, strict=True))
    return Latency(entries, tuple(intervals.get(entry.p) for entry in entries))


def _statistic(statistic: Statistic, block: Measured) -> float:
    """A round's own value: of responses, so that an open loop's waiting counts.

    NaN where the round has no answer. A round's p99 stands on few samples; over
    rounds its spread is in the ratio's interval.
    """
    if statistic == "throughput":
        return block.throughput
    if statistic == "tokens":
        return block.token_rate
    good = block.counted.ok
    p, samples = _QUANTILES[statistic], good.response_ns
    if statistic == "ttft":
        samples = good.first_ns
    if not len(samples):
        return float("nan")
    return float(np.sort(samples)[rank(len(samples), p)]) / 1e9


def _stages(records: Records) -> dict[str, float]:
    names = sorted({name for stage in records.stages for name in stage})
    return {
        name: float(np.median([stage.get(name, 0) for stage in records.stages])) for name in names
    }
