"""Confidence intervals of percentiles of samples that depend on each other.

Requests that share a batch, a queue or a stall are alike, so drawing them one by one
(the plain bootstrap) gives intervals that are too narrow. The stationary bootstrap
draws runs of neighbours instead, of random lengths around a mean that is taken from
how far the samples' correlation reaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats.percentiles import rank

RESAMPLES = 200


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def quantiles(
    samples: NDArray[np.int64] | NDArray[np.float64],
    ps: Sequence[float],
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> list[Interval]:
    """Intervals of the `ps`-quantiles; samples: (n,) in the order of time, n >= 2."""
    n = len(samples)
    random = np.random.Generator(np.random.PCG64(seed))
    ranks = [rank(n, p) for p in ps]
    # A tail is correlated otherwise than the middle: the longest reach is safe.
    length = max(block_length(samples > np.quantile(samples, p)) for p in ps)
    drawn = np.empty((resamples, len(ps)))
    for row in drawn:
        row[:] = np.partition(samples[_indices(random, n, length)], ranks)[ranks]
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return [Interval(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def block_length(samples: NDArray[np.bool_] | NDArray[np.float64]) -> float:
    """The mean block length that is best for a mean (Politis and White 2004, corrected).

    samples: (n,) in the order of time. At least 1, at most n / 3.
    """
    values = np.asarray(samples, dtype=np.float64)
    n = len(values)
    values = values - values.mean()
    variance = float(values @ values) / n
    if n < 10 or variance == 0:
        return 1.0
    reach = min(n - 1, int(np.ceil(np.sqrt(n))) + 5)
    quiet = max(5, int(np.sqrt(np.log10(n))))
    covariance = np.array([values[: n - k] @ values[k:] / n for k in range(reach + 1)])
    small = np.abs(covariance / variance) < 2 * np.sqrt(np.log10(n) / n)
    # The lag after which `quiet` lags in a row say nothing.
    last = next(
        (k for k in range(1, reach - quiet + 2) if small[k : k + quiet].all()), reach - quiet + 2
    )
    lags = np.arange(1, min(2 * max(1, last - 1), reach) + 1)
    taper = np.minimum(1.0, 2 * (1 - lags / (lags[-1] + 1e-9)))
    spectrum = variance + 2 * float((taper * covariance[lags]).sum())
    slope = 2 * float((taper * lags * covariance[lags]).sum())
    if spectrum <= 0:
        return 1.0
    best = (slope**2 / spectrum**2) ** (1 / 3) * n ** (1 / 3)
    return float(np.clip(best, 1.0, max(1.0, n / 3)))


def _indices(random: np.random.Generator, n: int, length: float) -> NDArray[np.int64]:
    """n indices: runs of neighbours, around the end, of geometric lengths."""
    fresh = random.random(n) < 1 / length
    fresh[0] = True
    begins = np.flatnonzero(fresh)
    starts = random.integers(0, n, len(begins))
    shift = np.repeat(starts - begins, np.diff(np.append(begins, n)))
    indices: NDArray[np.int64] = (np.arange(n) + shift) % n
    return indices
