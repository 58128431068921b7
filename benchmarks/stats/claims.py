"""What a scenario claims of its targets, and whether this run bears it out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.load.workload import Statistic
from benchmarks.stats.compare import Comparison, difference, ratio
from benchmarks.stats.summary import Cell

Outcome = Literal["PASS", "MISS", "INVALID", "INFO"]


@dataclass(frozen=True)
class Claim:
    """`target`'s statistic on `workload` is at most / at least `limit` of `against`'s.

    statistic: one of the workload's further ones; its own when None
    of: `ratio`; `difference` of latencies, in milliseconds; or `a:b`, stages of the
        server's own timing, as the ratio of their medians (`target` is `against` then)
    Without a limit the comparison is reported for what it is.
    """

    workload: str
    target: str
    against: str
    sense: Literal["at most", "at least"] = "at most"
    limit: float | None = None
    of: str = "ratio"
    statistic: Statistic | None = None


@dataclass(frozen=True)
class Verdict:
    """`sure` says that the whole interval, not only its middle, is on the outcome's side."""

    claim: Claim
    comparison: Comparison | None
    outcome: Outcome
    sure: bool
    reasons: tuple[str, ...] = ()


def judge(claims: list[Claim], cells: Mapping[tuple[str, str], Cell]) -> list[Verdict]:
    """One verdict for each claim whose two targets were measured."""
    verdicts = []
    for claim in claims:
        ours = cells.get((claim.workload, claim.target))
        theirs = cells.get((claim.workload, claim.against))
        if ours and theirs:
            verdicts.append(_judge(claim, ours, theirs))
    return verdicts


def _judge(claim: Claim, ours: Cell, theirs: Cell) -> Verdict:
    reasons = tuple(f"{cell.target}: {why}" for cell in (ours, theirs) for why in cell.invalid)
    comparison = _compare(claim, ours, theirs)
    if comparison is None:
        return Verdict(claim, None, "INVALID", True, reasons or ("a round has no answer",))
    if reasons:
        return Verdict(claim, comparison, "INVALID", True, reasons)
    if claim.limit is None:
        return Verdict(claim, comparison, "INFO", True)
    sign = 1 if claim.sense == "at most" else -1
    passed = sign * comparison.value <= sign * claim.limit
    low, high = comparison.low, comparison.high
    sure = low is not None and high is not None and not low <= claim.limit <= high
    return Verdict(claim, comparison, "PASS" if passed else "MISS", sure)


def _compare(claim: Claim, ours: Cell, theirs: Cell) -> Comparison | None:
    if ":" in claim.of:
        part, whole = (ours.stages.get(f"{name}_ns", 0.0) for name in claim.of.split(":"))
        return Comparison(part / whole, None, None, len(ours.rounds)) if whole else None
    rounds = [cell.by(claim.statistic) for cell in (ours, theirs)]
    if any(math.isnan(value) or value <= 0 for each in rounds for value in each):
        return None
    if claim.of == "difference":
        return difference(*([1e3 * value for value in each] for each in rounds))
    return ratio(*rounds)
