"""SynthesisService's two calls: pictures in the order asked for, and frames at their times.

Either has a window of pictures under way. One holds its place until it has left, so that a
client who does not read keeps no more than a window of them here, and a client who leaves
takes all of them along.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol

from google.protobuf.message import Message

from serving.errors import InvalidArgument
from serving.models.synthesis.animation import Animation
from serving.models.synthesis.options import Options
from serving.models.synthesis.types import Drawing, Drawn
from serving.replica.call import Call
from serving.replica.pacing import Pacer
from serving.replica.statistics import Statistics
from serving.repository.config import ModelConfig
from serving.services.synthesis import Series, Shot
from serving.services.timing import timing_message
from serving.services.typed import Shown
from serving.timing import Timeline

# Frames computed ahead of their time: against a stutter, and for one batch to be shared.
_AHEAD = 4


class Submit(Protocol):
    """Has the model draw a picture, in a batch."""

    def __call__(self, item: Drawing, call: Call, timeline: Timeline) -> Awaitable[Drawn]: ...


class Draws(Protocol):
    """A model that says beforehand what it cannot draw."""

    def check(self, item: Drawing) -> None: ...


@dataclass(frozen=True, slots=True)
class _Picture:
    """seconds: from its beginning to its end"""

    drawn: Drawn
    timeline: Timeline
    seconds: float


class PictureCalls:
    """Serves the pictures of one replica.

    window: pictures of one call that are under way together
    """

    def __init__(
        self,
        config: ModelConfig,
        model: Draws,
        submit: Submit,
        statistics: Statistics,
        identity: str,
        window: int,
    ) -> None:
        options = config.options
        assert isinstance(options, Options)
        self._most = options.max_images
        self._config = config
        self._model = model
        self._submit = submit
        self._statistics = statistics
        self._identity = identity
        self._window = window

    async def pieces(
        self, shown: Shown, request: object, call: Call, _: Timeline
    ) -> AsyncIterator[Message]:
        """A message for each picture, which has a timeline of its own; nothing is drawn before
        all of it can be."""
        asked = shown.parse(request, self._most)
        await asyncio.to_thread(_check, asked, self._model)
        if isinstance(asked, Series):
            shots = self._series(asked, call)
        elif asked.in_time:
            shots = self._in_time(asked, call)
        else:
            shots = self._every_frame(asked, call)
        async with aclosing(shots) as told:  # type: ignore[type-var]
            async for shot, timeline in told:
                message = shown.build(shot)
                message.model_name, message.model_version = self._config.name, self._config.version
                message.timing.CopyFrom(timing_message(timeline, self._identity))
                self._statistics.succeed(timeline)
                yield message

    async def _series(self, series: Series, call: Call) -> AsyncIterator[tuple[Shot, Timeline]]:
        pictures = self._in_order(series.drawings, call)
        async with aclosing(pictures) as drawn:  # type: ignore[type-var]
            number = 0
            async for each in drawn:
                yield Shot(number, each.drawn, latent=series.latents), each.timeline
                number += 1

    async def _every_frame(
        self, animation: Animation, call: Call
    ) -> AsyncIterator[tuple[Shot, Timeline]]:
        frames = (animation.frame(number) for number in range(animation.count))
        async with aclosing(self._in_order(frames, call)) as drawn:  # type: ignore[type-var]
            number = 0
            async for each in drawn:
                yield Shot(number, each.drawn, animation.time(number)), each.timeline
                number += 1

    async def _in_order(self, drawings: Iterable[Drawing], call: Call) -> AsyncIterator[_Picture]:
        """All of them, a window at a time."""
        waiting: Iterator[Drawing] = iter(drawings)
        under_way = _UnderWay(self._draw)
        try:
            while True:
                while len(under_way) < self._window and (item := next(waiting, None)) is not None:
                    under_way.begin(item, call)
                if not under_way:
                    return
                yield await under_way.first()
                under_way.leave()
        finally:
            await under_way.end()

    async def _in_time(
        self, animation: Animation, call: Call
    ) -> AsyncIterator[tuple[Shot, Timeline]]:
        """Those that are not late, each no sooner than it is due."""
        pacer = Pacer(animation.count, animation.fps)
        numbers: deque[int] = deque()
        under_way = _UnderWay(self._draw)
        sent = 0
        try:
            while True:
                while (
                    len(under_way) < min(_AHEAD, self._window)
                    and (number := pacer.upcoming()) is not None
                ):
                    under_way.begin(animation.frame(number), call)
                    numbers.append(number)
                if not numbers:
                    return
                number = numbers[0]
                if not pacer.late(number):
                    picture = await under_way.first()
                    pacer.ready(picture.seconds)
                    await asyncio.sleep(min(pacer.due_in(number), max(call.remaining, 0)))
                    if call.remaining <= 0:
                        raise call.expired()
                    if not pacer.late(number):
                        yield (
                            Shot(number, picture.drawn, animation.time(number), number - sent),
                            picture.timeline,
                        )
                        sent += 1
                numbers.popleft()
                under_way.leave()
        finally:
            await under_way.end()

    async def _draw(self, item: Drawing, call: Call) -> _Picture:
        timeline, began = Timeline(), time.monotonic()
        drawn = await self._submit(item, call, timeline)
        return _Picture(drawn, timeline, time.monotonic() - began)


def _check(asked: Series | Animation, model: Draws) -> None:
    """Raises InvalidArgument for the first picture that cannot be drawn."""
    if isinstance(asked, Series):
        for drawing in asked.drawings:
            model.check(drawing)
        return
    model.check(asked.drawing)
    for number, drawing in asked.extremes():
        try:
            model.check(drawing)
        except InvalidArgument as error:
            raise asked.in_its_words(error, number) from None


class _UnderWay:
    """Pictures that are being drawn, or wait to leave; the first begun is the first to go."""

    def __init__(self, draw: Callable[[Drawing, Call], Coroutine[Any, Any, _Picture]]) -> None:
        self._draw = draw
        self._tasks: deque[asyncio.Task[_Picture]] = deque()
        self._begun = False

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, item: Drawing, call: Call) -> None:
        # Where the first was let in, the others wait for a place as long as it takes.
        call = replace(call, patient=True) if self._begun else call
        self._begun = True
        task = asyncio.create_task(self._draw(item, call))
        task.add_done_callback(_seen)
        self._tasks.append(task)

    async def first(self) -> _Picture:
        return await self._tasks[0]

    def leave(self) -> None:
        """The first has gone, or is no longer wanted."""
        self._tasks.popleft().cancel()

    async def end(self) -> None:
        """Takes back what is not drawn yet; returns when nothing is under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _seen(task: asyncio.Task[_Picture]) -> None:
    """A picture nobody waits for any more may fail unheard."""
    if not task.cancelled():
        task.exception()
