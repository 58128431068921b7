"""Which texts are computed together: those of all calls, a step at a time, in one thread."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from serving.errors import Unavailable
from serving.models.base import Array
from serving.runtimes.vllm.progress import Progress

log = logging.getLogger(__name__)

Ids = Sequence[int]

# A step is as wide as its longest text. So few tokens take as long as one, for a network's
# weights are read either way; of more, a fifth may be padding.
_FREE = 64
_PADDED = 1.25

_numbers = itertools.count()


@dataclass(eq=False, slots=True)
class _Text:
    """turn: its place in its call, and when it came."""

    ids: Ids
    turn: tuple[int, int]
    vector: asyncio.Future[Array] = field(default_factory=asyncio.Future)


class Steps:
    """The texts that wait for a network.

    compute: float32 [texts, width] of so many texts' tokens; runs in the thread
    sequences, tokens: of one step at most, padding included; a longer text is one by itself
    stall_s: seconds without a step, while there is work, after which it is ill
    """

    def __init__(
        self, compute: Callable[[list[Ids]], Array], *, sequences: int, tokens: int, stall_s: float
    ) -> None:
        self._compute = compute
        self._sequences = sequences
        self._tokens = tokens
        self._stall_s = stall_s
        self._thread = ThreadPoolExecutor(1, "encode")
        self._waiting: set[_Text] = set()
        self._running: list[_Text] = []
        self._work: asyncio.Task[None] | None = None
        self._progress = Progress(lambda: self.unfinished)
        self._reason: str | None = None  # why it has ended

    @property
    def unfinished(self) -> int:
        return len(self._waiting) + len(self._running)

    async def vectors(self, texts: Iterable[Ids]) -> Array:
        """float32 [texts, width]; raises Unavailable."""
        self._refuse_ended()
        asked = [_Text(ids, (place, next(_numbers))) for place, ids in enumerate(texts)]
        self._progress.work_begins()
        self._waiting.update(asked)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._steps())
        try:
            return np.stack(await asyncio.gather(*(text.vector for text in asked)))
        finally:
            self._waiting.difference_update(asked)

    def check(self) -> None:
        """Raises Unavailable once it has ended or stalls; to be called every second."""
        if self._progress.look() > self._stall_s:
            self._end("STALLED")
        self._refuse_ended()

    def close(self) -> None:
        """A step that is under way ends by itself, for nobody."""
        self._end("ENGINE_DEAD")
        if self._work is not None:
            self._work.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _steps(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            step = self._running = self._take()
            ids = [text.ids for text in step]
            try:
                rows = await loop.run_in_executor(self._thread, self._compute, ids)
            except Exception:  # no text should do that: it is the memory, or the GPU
                log.exception("a step fails, and the encoder with it")
                self._end("ENGINE_DEAD")
                return
            for text, row in zip(step, rows, strict=True):
                if not text.vector.done():
                    text.vector.set_result(row)
            self._running = []
            self._progress.step(len(step), len(self._waiting), 0.0)

    def _take(self) -> list[_Text]:
        """The text whose turn it is, and others of about its length."""
        first = min(self._waiting, key=lambda text: text.turn)
        near = heapq.nsmallest(
            self._sequences,
            self._waiting,
            key=lambda text: (abs(len(text.ids) - len(first.ids)), text.turn),
        )
        step: list[_Text] = []
        longest = tokens = 0
        for text in near:
            longest, tokens = max(longest, len(text.ids)), tokens + len(text.ids)
            most = min(self._tokens, max(_FREE, _PADDED * tokens))
            if step and longest * (len(step) + 1) > most:
                break
            step.append(text)
        self._waiting.difference_update(step)
        return step

    def _end(self, reason: str) -> None:
        self._reason = self._reason or reason
        for text in (*self._running, *self._waiting):
            if not text.vector.done():
                text.vector.set_exception(self._ended(self._reason))
        self._running = []
        self._waiting.clear()

    def _refuse_ended(self) -> None:
        if self._reason is not None:
            raise self._ended(self._reason)

    def _ended(self, reason: str) -> Unavailable:
        message = "the encoder has ended; another takes its place"
        return Unavailable(message, reason=reason, retry_after=1.0)
