"""Whether an engine gets anywhere: judged by its steps, never by a flag.

An engine that hangs still says it is well, and one that is merely busy answers late. So
what counts is steps: while there is work they must come; while there is none, a request of
one token, the canary, must come through now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from serving.runtimes.vllm.types import Load

Clock = Callable[[], float]

# A look finds no more than this to have passed since the look before: who was held up
# himself learns late of steps that came in time.
_LOOK_S = 2.0


class Progress:
    """Counts steps, and the time for which work has waited for one.

    unfinished: how much the engine owes: requests, and errands such as loading an adapter
    """

    def __init__(self, unfinished: Callable[[], int], clock: Clock = time.monotonic) -> None:
        self._unfinished = unfinished
        self._clock = clock
        self._last = self._looked = clock()  # _last: of a step, or of a moment without work
        self._stalled = 0.0
        self.steps = 0
        self.stepped_at = self._last
        self.load = Load()
        self.image_queries = self.image_hits = 0

    def step(self, running: int, waiting: int, kv: float) -> None:
        self.steps += 1
        self.load = Load(running, waiting, kv)
        self.move()

    def move(self) -> None:
        """The engine has done something that is no step, an errand."""
        self.stepped_at = self._last = self._clock()
        self._stalled = 0.0

    def work_begins(self) -> None:
        """To be called before work is handed in: waiting for work is no stall."""
        if self._unfinished() == 0:
            self._last, self._stalled = self._clock(), 0.0

    def look(self) -> float:
        """Seconds there has been work and no step, as far as somebody looked on.

        To be called every second or so.
        """
        now = self._clock()
        if self._unfinished():
            self._stalled += min(now - max(self._last, self._looked), _LOOK_S)
        else:
            self._stalled = 0.0
        self._looked = now
        return self._stalled

    @property
    def silent_for(self) -> float:
        """Seconds since the last step, work or none."""
        return self._clock() - self.stepped_at


def stat_logger(progress: Callable[[], Progress | None]) -> Any:
    """A factory of vLLM's stat loggers that tells `progress` of every step."""
    from vllm.v1.metrics.loggers import StatLoggerBase

    class _Steps(StatLoggerBase):
        def __init__(self, vllm_config: Any, engine_index: int = 0) -> None:
            pass

        def record(
            self,
            scheduler_stats: Any,
            iteration_stats: Any,
            mm_cache_stats: Any = None,
            engine_idx: int = 0,
        ) -> None:
            seen = progress()
            if seen is None:
                return
            if scheduler_stats is not None:
                stats = scheduler_stats
                seen.step(stats.num_running_reqs, stats.num_waiting_reqs, stats.kv_cache_usage)
            if mm_cache_stats is not None:
                seen.image_queries += mm_cache_stats.queries
                seen.image_hits += mm_cache_stats.hits

        def log_engine_initialized(self) -> None:
            pass

    return _Steps
