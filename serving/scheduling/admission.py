"""Admission: says no at once when too much waits, and when to come back."""

from __future__ import annotations

from serving.errors import Overloaded

_UNMEASURED_S = 0.1
_SHORTEST_S, _LONGEST_S = 0.01, 30.0
_WEIGHT = 0.2  # of the newest measurement


class Admission:
    """Bounds what waits for a device, and what is under way altogether.

    `queue` items may be admitted without having reached the device. `under_way` bounds
    all of them, finishing ones included, so that a slow `finish` cannot pile up results.
    """

    def __init__(self, *, queue: int, under_way: int) -> None:
        self._queue = queue
        self._under_way = under_way
        self._device: float | None = None  # seconds per item
        self._prepare: float | None = None

    def check(self, *, waiting: int, under_way: int) -> None:
        """Raises Overloaded when one more item would be too much."""
        if waiting < self._queue and under_way < self._under_way:
            return
        raise Overloaded(
            f"the queue is full: {waiting} requests wait for this model; come back later",
            retry_after=self.retry_after(waiting),
            metadata={"waiting": str(waiting), "queue": str(self._queue)},
        )

    def retry_after(self, waiting: int) -> float:
        """Seconds until `waiting` items will be worked off at the measured speed."""
        measured = [seconds for seconds in (self._device, self._prepare) if seconds is not None]
        if not measured:
            return _UNMEASURED_S
        return min(max(max(measured) * (waiting + 1), _SHORTEST_S), _LONGEST_S)

    def computed(self, items: int, seconds: float) -> None:
        """Measures the device: a batch of so many items took so long."""
        self._device = _blend(self._device, seconds / items)

    def prepared(self, seconds: float, threads: int) -> None:
        """Measures prepare, which `threads` items go through at a time."""
        self._prepare = _blend(self._prepare, seconds / threads)


def _blend(average: float | None, newest: float) -> float:
    return newest if average is None else average + _WEIGHT * (newest - average)
