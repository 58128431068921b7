"""What a scenario claims of its targets, and whether this run bears it out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.stats.compare import Ratio, paired
from benchmarks.stats.summary import Cell

Outcome = Literal["PASS", "MISS", "INVALID", "INFO"]


@dataclass(frozen=True)
class Claim:
    """`target`'s statistic on `workload` is at most / at least `limit` times `against`'s.

    Without a limit the ratio is reported for what it is.
    """

    workload: str
    target: str
    against: str
    sense: Literal["at most", "at least"] = "at most"
    limit: float | None = None


@dataclass(frozen=True)
class Verdict:
    """`sure` says that the whole interval, not only the ratio, is on the outcome's side."""

    claim: Claim
    ratio: Ratio | None
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
    values = (*ours.rounds, *theirs.rounds)
    if any(math.isnan(value) or value <= 0 for value in values):
        return Verdict(claim, None, "INVALID", True, reasons or ("a round has no answer",))
    ratio = paired(ours.rounds, theirs.rounds)
    if reasons:
        return Verdict(claim, ratio, "INVALID", True, reasons)
    if claim.limit is None:
        return Verdict(claim, ratio, "INFO", True)
    sign = 1 if claim.sense == "at most" else -1
    passed = sign * ratio.value <= sign * claim.limit
    low, high = ratio.low, ratio.high
    sure = low is not None and high is not None and not low <= claim.limit <= high
    return Verdict(claim, ratio, "PASS" if passed else "MISS", sure)
