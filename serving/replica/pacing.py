"""When the frames of an animation are due, and which of them are not worth their while.

Time runs from the moment in which the first frame is ready. A frame that is late by more
than one frame's time is left out; the last never is, for it is what remains to be seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

# How much of a long computation is remembered after a short one: a guess that is too long
# costs a wait, one that is too short a frame.
_MEMORY = 0.9


class Pacer:
    """The clock of one animation; `clock` tells seconds."""

    def __init__(self, count: int, fps: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._last = count - 1
        self._fps = fps
        self._clock = clock
        self._began: float | None = None
        self._next = 0
        self._takes = 0.0

    def upcoming(self) -> int | None:
        """The frame to be computed next, None after the last; each is told once.

        Skips what would be late by the time it is there.
        """
        if self._next > self._last:
            return None
        if self._began is not None:
            there = (self._clock() + self._takes - self._began) * self._fps
            if there - self._next > 1:
                self._next = min(math.ceil(there), self._last)
        frame, self._next = self._next, self._next + 1
        return frame

    def ready(self, seconds: float) -> None:
        """A frame is there, `seconds` after it was begun."""
        if self._began is None:
            self._began = self._clock()
        self._takes = max(seconds, self._takes * _MEMORY)

    def due_in(self, frame: int) -> float:
        """Seconds until a frame is due; 0 when it is late, or nothing has begun."""
        if self._began is None:
            return 0.0
        return max(0.0, self._began + frame / self._fps - self._clock())

    def late(self, frame: int) -> bool:
        """Whether a frame is to be left out."""
        if self._began is None or frame == self._last:
            return False
        return (self._clock() - self._began) * self._fps - frame > 1
