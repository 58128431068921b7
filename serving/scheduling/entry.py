"""One admitted request on its way through a model: what it carries and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from serving.errors import ServingError
from serving.timing import Timeline


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure handed between threads as a value, so that a caller who has gone away
    leaves no unread exception behind."""

    error: ServingError


@dataclass(slots=True, eq=False)
class Entry:
    """One request; written by one thread at a time: the loop's, a pool's, the device's.

    `deadline` is in time.monotonic() seconds. `output` resolves to what `Model.run` gave
    for this entry or to Failed; it is cancelled as soon as nobody waits for it.
    `prepared`, `rows` and `key` are set by prepare, `since` (monotonic seconds) when the
    entry starts to wait for the device.
    """

    item: Any
    deadline: float | None
    timeline: Timeline
    output: asyncio.Future[Any]
    place: str = "in the queue"
    prepared: Any = None
    rows: int = 1
    key: Hashable = None
    since: float = 0.0

    @property
    def expired(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def gone(self) -> bool:
        """Nobody can use the answer any more: the caller went away or ran out of time."""
        return self.output.done() or self.expired
