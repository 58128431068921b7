"""Compares targets by ratios of neighbouring blocks of one run, never across runs.

On a machine whose speed wanders, only what was measured side by side compares. Each
round measures every target once; a round's ratio is one independent observation, so
the interval is Student's, on the logarithms, over rounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student


@dataclass(frozen=True)
class Ratio:
    """A geometric mean over `rounds` paired ratios, and its 95 % interval.

    `low` and `high` are None with fewer than three rounds: two say nothing.
    `detectable` is the smallest relative change such a run would notice: the
    interval's half width.
    """

    value: float
    low: float | None
    high: float | None
    rounds: int

    @property
    def detectable(self) -> float | None:
        return None if self.high is None else self.high / self.value - 1


def interleave(targets: Sequence[str], rounds: int) -> list[tuple[str, ...]]:
    """The order of targets in each round: ABBA, so that drift cancels.

    Every odd round mirrors the one before; every pair starts with another target, so
    that none always follows the same one.
    """
    orders: list[tuple[str, ...]] = []
    for index in range(rounds):
        turn = index // 2 % len(targets)
        order = (*targets[turn:], *targets[:turn])
        orders.append(order if index % 2 == 0 else order[::-1])
    return orders


def paired(values: Sequence[float], against: Sequence[float], confidence: float = 0.95) -> Ratio:
    """Ratios round by round. Raises ValueError on unpaired, missing or zero values."""
    if len(values) != len(against) or not values:
        raise ValueError(f"need equally many rounds, got {len(values)} and {len(against)}")
    if min(*values, *against) <= 0:
        raise ValueError("every round must have a positive value")
    logs = np.log(np.asarray(values)) - np.log(np.asarray(against))
    n, centre = len(logs), float(logs.mean())
    if n < 3:
        return Ratio(math.exp(centre), None, None, n)
    half = float(student.ppf((1 + confidence) / 2, n - 1)) * float(logs.std(ddof=1)) / math.sqrt(n)
    return Ratio(math.exp(centre), math.exp(centre - half), math.exp(centre + half), n)
