"""Where a request's time goes: one clock read per boundary, nanoseconds throughout.

A request carries one `Timeline` from its arrival to its answer. Whoever finishes a
stage calls `mark(stage)`: the time since the previous mark belongs to that stage.
"""

from __future__ import annotations

import time
from enum import IntEnum


class Stage(IntEnum):
    """The stages of a request, in the order in which they usually happen."""

    QUEUE = 0  # waiting for a thread, a place, the device
    DECODE = 1  # bytes of a picture to pixels
    PREPROCESS = 2  # resize, normalise, layout
    BATCH_WAIT = 3  # admitted to a batch that is still open
    HOST_TO_DEVICE = 4
    DEVICE = 5  # the model; on a CPU, the time of the computation
    DEVICE_TO_HOST = 6
    POSTPROCESS = 7  # raw outputs to results
    ENCODE = 8  # results to bytes, where that is work


class Timeline:
    """Nanoseconds per stage of one request (or of one batch).

    `spent[stage]` is None where the stage did not happen. `batch_size` and
    `batch_id` are 0 until the request has been part of a batch.
    """

    __slots__ = ("arrived", "batch_id", "batch_size", "last", "spent")

    def __init__(self, now: int | None = None) -> None:
        self.arrived = self.last = time.perf_counter_ns() if now is None else now
        self.spent: list[int | None] = [None] * len(Stage)
        self.batch_size = 0
        self.batch_id = 0

    def mark(self, stage: Stage, now: int | None = None) -> int:
        """Ends a stage now, or at a reading the caller already took; returns the reading."""
        if now is None:
            now = time.perf_counter_ns()
        self.spent[stage] = (self.spent[stage] or 0) + now - self.last
        self.last = now
        return now

    def add(self, stage: Stage, nanoseconds: int) -> None:
        """Adds time measured elsewhere (a device's own events) without moving the clock."""
        self.spent[stage] = (self.spent[stage] or 0) + nanoseconds

    def join(self, batch: Timeline) -> None:
        """Takes over the stages the whole batch went through together."""
        for stage, nanoseconds in enumerate(batch.spent):
            if nanoseconds is not None:
                self.spent[stage] = (self.spent[stage] or 0) + nanoseconds
        self.batch_size, self.batch_id, self.last = batch.batch_size, batch.batch_id, batch.last

    @property
    def total(self) -> int:
        """Nanoseconds from arrival to now."""
        return time.perf_counter_ns() - self.arrived
