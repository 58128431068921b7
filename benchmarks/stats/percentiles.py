"""Percentiles that know how many samples they need, and are None below that.

The floor is MLPerf's early-stopping rule: with confidence c, at most a share 1-p of
all requests is slower than the bound, given that t of n were. The rule takes requests
as independent, which batching breaks: it is a necessary sample, not a sufficient one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

CONFIDENCE = 0.99


@dataclass(frozen=True)
class Percentile:
    """One percentile of `n` samples.

    value: the sample's own quantile, an observed latency
    bound: at most this with CONFIDENCE, from the binomial rule
    Both are None where n is below `floor`.
    """

    p: float
    n: int
    floor: int
    value: float | None
    bound: float | None


@functools.cache
def floor(p: float, over: int = 1, confidence: float = CONFIDENCE) -> int:
    """The smallest n of which `over` may lie above the p-quantile's bound.

    The smallest n with BinomCDF(over; n, 1 - p) <= 1 - confidence. Raises ValueError
    unless 0 < p < 1 and over >= 0.
    """
    if not 0 < p < 1 or over < 0:
        raise ValueError(f"need 0 < p < 1 and over >= 0, got p={p}, over={over}")

    def enough(n: int) -> bool:
        return bool(binom.cdf(over, n, 1 - p) <= 1 - confidence)

    high = over + 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def percentile(samples: NDArray[np.int64] | NDArray[np.float64], p: float) -> Percentile:
    """samples: (n,), in any order."""
    n, least = len(samples), floor(p)
    if n < least:
        return Percentile(p, n, least, None, None)
    ordered = np.sort(samples)
    return Percentile(p, n, least, float(ordered[rank(n, p)]), float(ordered[n - _most_over(p, n)]))


def rank(n: int, p: float) -> int:
    """Index of the p-quantile among n ordered samples: one of them, not a mixture."""
    return max(0, min(n - 1, int(np.ceil(p * n - 1e-9)) - 1))


def _most_over(p: float, n: int) -> int:
    """The largest t whose floor n reaches; n reaches that of t = 1."""
    low, high = 1, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if floor(p, middle) <= n else (low, middle)
    return low
