"""Compares targets by neighbouring blocks of one run, never across runs.

On a machine whose speed wanders, only what was measured side by side compares. Each
round measures every target once; a round's ratio, or difference, is one independent
observation, so the interval is Student's over rounds (of ratios, on the logarithms).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student


@dataclass(frozen=True)
class Comparison:
    """The mean over `rounds` paired ratios (geometric) or differences, and its 95 % interval.

    `low` and `high` are None with fewer than three rounds: two say nothing.
    """

    value: float
    low: float | None
    high: float | None
    rounds: int


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


def ratio(values: Sequence[float], against: Sequence[float]) -> Comparison:
    """Ratios round by round. Raises ValueError on unpaired, missing or zero values."""
    _check(values, against)
    found = _student(np.log(np.asarray(values)) - np.log(np.asarray(against)))
    low, high = (None if end is None else math.exp(end) for end in (found.low, found.high))
    return Comparison(math.exp(found.value), low, high, found.rounds)


def difference(values: Sequence[float], against: Sequence[float]) -> Comparison:
    """Differences round by round, in the values' unit. Raises ValueError as `ratio` does."""
    _check(values, against)
    return _student(np.asarray(values) - np.asarray(against))


def _check(values: Sequence[float], against: Sequence[float]) -> None:
    if len(values) != len(against) or not values:
        raise ValueError(f"need equally many rounds, got {len(values)} and {len(against)}")
    if min(*values, *against) <= 0:
        raise ValueError("every round must have a positive value")


def _student(samples: NDArray[np.float64], confidence: float = 0.95) -> Comparison:
    n, centre = len(samples), float(samples.mean())
    if n < 3:
        return Comparison(centre, None, None, n)
    quantile = float(student.ppf((1 + confidence) / 2, n - 1))
    half = quantile * float(samples.std(ddof=1)) / math.sqrt(n)
    return Comparison(centre, centre - half, centre + half, n)
