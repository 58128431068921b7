"""When requests are meant to be sent: decided before the first one is, from a seed.

An open loop owes its honesty to this: a slow server cannot move the schedule, and
latency counts from the time a request was *meant* to leave.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Arrival = Literal["constant", "poisson"]
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Schedule:
    """offsets: (n,) int64, nanoseconds from the start of a block, ascending."""

    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets)

    def digest(self) -> str:
        """A short hash that two runs share if and only if they meant the same times."""
        return hashlib.sha256(self.offsets.astype("<i8").tobytes()).hexdigest()[:16]

    def share(self, index: int, of: int) -> Schedule:
        """Every `of`-th request from `index` on: one generator process's part."""
        return Schedule(self.offsets[index::of])


def make(arrival: Arrival, rate: float, duration_s: float, seed: int) -> Schedule:
    """A schedule of `rate` requests a second; raises ValueError on a rate or time <= 0."""
    if not rate > 0 or not duration_s > 0:
        raise ValueError(f"rate and duration must be positive, got {rate} and {duration_s}")
    if arrival == "constant":
        return Schedule((np.arange(round(rate * duration_s)) * (SECOND / rate)).astype(np.int64))
    return _poisson(rate, duration_s, seed)


def _poisson(rate: float, duration_s: float, seed: int) -> Schedule:
    """Independent exponential gaps.

    Drawn by inversion from the generator's plain uniform stream, which NumPy keeps
    from version to version; its own exponential sampler may change.
    """
    uniform = np.random.Generator(np.random.PCG64(seed))
    expected = rate * duration_s
    gaps: list[NDArray[np.float64]] = []
    total = 0.0
    while total < duration_s:
        chunk = -np.log1p(-uniform.random(int(expected) + 64)) / rate
        gaps.append(chunk)
        total += float(chunk.sum())
    times = np.cumsum(np.concatenate(gaps))
    return Schedule((times[times < duration_s] * SECOND).astype(np.int64))
