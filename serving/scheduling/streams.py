"""Admission and time limits for a model whose answers grow; refuses what it has no place for.

Such a model computes many answers together by its own lights, so nothing is batched here:
an answer is let in or refused, and it ends with its deadline, with its reader, or by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Generic, TypeVar

from serving.errors import DeadlineExceeded, Overloaded
from serving.models.base import StreamingModel
from serving.scheduling.admission import Admission
from serving.timing import Timeline

Item = TypeVar("Item")
Result = TypeVar("Result")

# What is not read is computed for nobody, and takes somebody's place.
READER_S = 60.0

# Results a second that are sent, of all answers together. To send one costs more than a
# small model needs to compute a token, and whoever comes new waits behind all that is sent.
# What a model gets on with meanwhile it merges, so nothing is lost but that pieces come
# larger; a reader does not see more than thirty a second.
SENT_PER_S = 1000.0
LONGEST_PAUSE_S = 1 / 30
_TICK_S = 1e-3  # event loops know no shorter time


class Streams(Generic[Item, Result]):
    """The answers under way of one model.

    queue: answers that may wait inside the model, beyond those it computes together
    reader_s: seconds for which a reader may leave a result untaken
    """

    def __init__(
        self, model: StreamingModel[Item, Result], *, queue: int, reader_s: float = READER_S
    ) -> None:
        self._model = model
        self._queue = queue
        self._reader_s = reader_s
        self._readying: asyncio.Task[None] | None = None
        self._admission: Admission | None = None
        self.in_flight = 0  # answers, of which a request may ask for several

    async def ready(self) -> None:
        """Makes the model ready in this event loop, once; raises what that raises."""
        if self._readying is None:
            self._readying = asyncio.create_task(self._make_ready())
        await asyncio.shield(self._readying)

    async def _make_ready(self) -> None:
        await self._model.ready()
        under_way = self._model.places + self._queue
        self._admission = Admission(queue=self._queue, under_way=under_way)

    async def check(self) -> None:
        """Raises Unavailable for a model that no longer gets anywhere."""
        await self._model.check()

    async def close(self) -> None:
        await self._model.close()

    async def answer(
        self,
        item: Item,
        *,
        tenant: str,
        deadline: float,
        timeline: Timeline,
        paced: bool = False,
    ) -> AsyncIterator[Result]:
        """Yields the results; closing the iterator ends the work on them at once.

        deadline: time.monotonic() seconds
        paced: each result is sent by itself, so there is a pause after it when many are

        Raises Overloaded for what finds no place, or is not read; DeadlineExceeded; and
        what the model raises.
        """
        if self._admission is None:
            await self.ready()
        answers = self._model.answers(item)
        self._admit(answers)
        self.in_flight += answers
        started = time.monotonic()
        results = self._model.answer(item, tenant, timeline)
        try:
            async with aclosing(results):  # type: ignore[type-var]
                reader, due = _Reader(results, self._reader_s), 0.0
                try:
                    while True:
                        async with asyncio.timeout_at(deadline):
                            if (early := due - time.monotonic()) > _TICK_S:
                                await asyncio.sleep(early)
                            result = await anext(results, None)
                        if result is None:
                            break
                        if paced and not self._model.last(result):
                            due = time.monotonic() + self._pause(answers)
                        reader.leave()
                        yield result
                        reader.come_back()
                finally:
                    reader.close()
        except TimeoutError:
            if time.monotonic() < deadline:
                raise  # somebody else's
            raise DeadlineExceeded("the deadline passed before the answer's end") from None
        finally:
            self.in_flight -= answers
        assert self._admission is not None
        self._admission.computed(self._model.places, time.monotonic() - started)

    def _pause(self, answers: int) -> float:
        """Seconds between two results of an item with so many answers: its fair share."""
        return min(LONGEST_PAUSE_S, self.in_flight / answers / SENT_PER_S)

    def _admit(self, answers: int) -> None:
        assert self._admission is not None
        if self.in_flight:  # in an empty house there is room even for the largest
            waiting = max(0, self.in_flight - self._model.places)
            self._admission.check(waiting=waiting, under_way=self.in_flight + answers - 1)


class _Reader:
    """Watches that results are taken; an answer that nobody takes is ended meanwhile.

    One timer an answer, not one a result: results come ten thousand times a second.
    """

    def __init__(self, results: AsyncIterator[object], patience: float) -> None:
        self._results = results
        self._patience = patience
        self._left: float | None = None  # when the reader was given its last result
        self._gone = False
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(patience, self._look)
        self._ending: asyncio.Task[None] | None = None

    def leave(self) -> None:
        self._left = self._loop.time()

    def come_back(self) -> None:
        """Raises Overloaded when that was too late."""
        self._left = None
        if self._gone:
            raise Overloaded(
                f"the answer was not read for {self._patience:g} s, so it was ended", retry_after=1
            )

    def _look(self) -> None:
        now = self._loop.time()
        away = 0.0 if self._left is None else now - self._left
        if away < self._patience:
            self._timer = self._loop.call_at(now - away + self._patience, self._look)
            return
        self._gone = True
        self._ending = self._loop.create_task(self._results.aclose())  # type: ignore[attr-defined]

    def close(self) -> None:
        self._timer.cancel()
