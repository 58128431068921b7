"""The life of one engine: started, watched, put to sleep, ended; it is never revived.

Whatever the engine is asked for goes through here: requests as `work`, all else as errands.
So it is known at any time what the engine owes, and whether it gets on with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from serving.errors import FailedPrecondition, ServingError
from serving.runtimes.vllm.descend import Owner
from serving.runtimes.vllm.options import EngineOptions
from serving.runtimes.vllm.progress import Progress
from serving.runtimes.vllm.refusals import ended, understood

T = TypeVar("T")

log = logging.getLogger(__name__)


class Life:
    """Owns one `AsyncLLM` and the thread that holds its processes.

    canary: asks the engine for one token; the least that shows it alive

    `start` may run in any thread, the rest belongs to one event loop.
    """

    # Seconds of silence after which an idle engine must prove that it is awake. An engine
    # that hangs is so found within canary_every + stall_s, and a check or two.
    canary_every = 5.0
    # The first token of all: kernels are chosen, on a GPU some are compiled.
    start_s = 600.0

    def __init__(self, options: EngineOptions, canary: Callable[[], Awaitable[None]]) -> None:
        self.stall_s = options.stall_s
        self.sleep_after_s = options.sleep_after_s
        self._canary = canary
        self._owner = Owner()
        self._llm: Any = None
        self._progress: Progress | None = None
        self._reason: str | None = None  # why it was ended
        self._errands: set[asyncio.Task[Any]] = set()
        self._duty: asyncio.Task[None] | None = None  # the canary, or falling asleep
        self._working = 0
        self._worked_at = time.monotonic()
        self._turning = asyncio.Lock()  # one falls asleep or wakes up at a time
        self.asleep = False

    def start(self, build: Callable[[], Any]) -> None:
        """Runs `build`, which starts the processes and makes the `AsyncLLM`."""
        try:
            self._llm = self._owner.start(build)
        except ServingError:
            raise
        except Exception as error:  # vLLM raises what its processes raised, of any class
            log.exception("vLLM does not start")
            raise FailedPrecondition(
                "vLLM cannot serve the model; its log has the reason", reason="WEIGHTS"
            ) from error
        self._progress = Progress(self._owes)

    async def ready(self) -> None:
        """Has the first token made, which may take long."""
        async with asyncio.timeout(self.start_s):
            await self._canary()
        self._worked_at = time.monotonic()

    @property
    def llm(self) -> Any:
        """Raises Unavailable once it has ended."""
        if self._llm is None or self._reason is not None:
            raise ended(self._reason or "ENGINE_DEAD")
        return self._llm

    @property
    def progress(self) -> Progress | None:
        """None before the start."""
        return self._progress

    # Work ---------------------------------------------------------------------------

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Around whatever needs the weights in their place; wakes the engine if it sleeps."""
        self._working += 1
        try:
            if self.sleep_after_s is not None:
                await self._wake()
            yield
        finally:
            self._working -= 1
            self._worked_at = time.monotonic()

    async def errand(self, doing: Awaitable[T]) -> T:
        """Has something done that is no request; raises what it raises, or Unavailable."""
        assert self._progress is not None
        self._progress.work_begins()
        task = asyncio.ensure_future(doing)
        self._errands.add(task)
        try:
            await asyncio.wait({task})
            if task.cancelled():  # vLLM itself would wait for a dead engine's answer for ever
                raise ended(self._reason or "ENGINE_DEAD")
            self._progress.move()
            return task.result()
        finally:
            self._errands.discard(task)
            task.cancel()

    def _owes(self) -> int:
        if self._llm is None:
            return 0
        return int(self._llm.get_num_unfinished_requests()) + len(self._errands)

    # Watch --------------------------------------------------------------------------

    async def check(self) -> None:
        """Raises Unavailable for an engine that has died, hangs, or does not wake up.

        Being busy is no illness. To be called every second; it takes no time. An engine
        found ill is ended: whoever waits for it fails at once, and its memory is free for
        the one that takes its place.
        """
        llm = self.llm
        assert self._progress is not None
        if llm.errored:
            self.end("ENGINE_DEAD")
        elif self._progress.look() > self.stall_s:
            self.end("STALLED")
        if self._reason is not None:
            raise ended(self._reason)
        if self._duty is not None and self._duty.done():
            duty, self._duty = self._duty, None
            with understood():
                duty.result()
        if self._duty is None and not self._owes():
            self._duty = self._next_duty()

    def _next_duty(self) -> asyncio.Task[None] | None:
        assert self._progress is not None
        idle = 0.0 if self._working else time.monotonic() - self._worked_at
        if self.sleep_after_s is not None and not self.asleep and idle > self.sleep_after_s:
            return asyncio.create_task(self._fall_asleep())
        if self._progress.silent_for > self.canary_every:
            return asyncio.create_task(self._answer() if self.asleep else self._sing())
        return None

    async def _sing(self) -> None:
        await self._canary()

    async def _answer(self) -> None:
        """A sleeper has no tokens, but tells that it sleeps."""
        await self.errand(self.llm.is_sleeping())

    async def _fall_asleep(self) -> None:
        async with self._turning:
            if not self._working:
                await self.errand(self.llm.sleep(1))
                self.asleep = True

    async def _wake(self) -> None:
        async with self._turning:
            if self.asleep:
                await self.errand(self.llm.wake_up())
                self.asleep = False

    # End ----------------------------------------------------------------------------

    def end(self, reason: str) -> None:
        """Kills the engine's processes; all that runs fails at once."""
        if self._reason is not None or self._llm is None:
            return
        log.error("the engine is ended: %s", reason)
        self._reason = reason
        self._fail()
        self._owner.release()

    async def close(self) -> None:
        """Ends the engine's processes in good order; requests that still run fail."""
        llm = self._llm
        if llm is not None:
            self._reason = self._reason or "ENGINE_DEAD"
            if llm.output_handler is not None:  # or it would report the end as an accident
                llm.output_handler.cancel()
            self._fail()
            self._llm = None
            await asyncio.to_thread(llm.shutdown, 2.0)
        if self._duty is not None:
            self._duty.cancel()
            await asyncio.wait({self._duty})
            if not self._duty.cancelled():
                self._duty.exception()  # seen
        self._owner.release()

    def _fail(self) -> None:
        from vllm.v1.engine.exceptions import EngineDeadError

        self._llm.output_processor.propagate_error(EngineDeadError())
        for errand in self._errands:
            errand.cancel()
