"""Pictures of a call under way: their order, their number, their end. Nothing is drawn here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seom.pb.v1 import synthesis_pb2 as pb
from serving.errors import DeadlineExceeded, InvalidArgument, Overloaded
from serving.models.synthesis.options import Options
from serving.models.synthesis.types import Drawing, Drawn
from serving.replica.call import Call, open_call
from serving.replica.pictures import PictureCalls
from serving.replica.statistics import Statistics
from serving.repository.config import Batching, Limits, ModelConfig, Resources
from serving.services.typed import SHOWN
from serving.timing import Timeline

WINDOW = 4


class Studio:
    """Stands for a model behind its batcher: pictures are done when they are let go."""

    def __init__(self) -> None:
        self.checked: list[Drawing] = []
        self.begun: list[Drawing] = []
        self.patient: list[bool] = []
        self.under_way = 0
        self.most = 0
        self.wrong: Any = None
        self.open = asyncio.Event()
        self.open.set()
        self.device = asyncio.Semaphore(100)
        self.delay = 0.0
        self.statistics = Statistics()

    def check(self, item: Drawing) -> None:
        self.checked.append(item)
        if self.wrong is not None and self.wrong(item):
            raise InvalidArgument.field("look.attributes[smile]", "is wrong")

    async def submit(self, item: Drawing, call: Call, timeline: Timeline) -> Drawn:
        self.begun.append(item)
        self.patient.append(call.patient)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if call.remaining <= 0:
                raise call.expired()
            # The later begun, the sooner done, so that order is not by chance.
            await asyncio.sleep(0.002 * (10 - len(self.begun) % 10))
            await self.open.wait()
            async with self.device:
                await asyncio.sleep(self.delay)
        finally:
            self.under_way -= 1
        return Drawn(8, np.zeros((2, 2), np.float32), encoded=str(item.origin.seed).encode())

    def calls(self) -> PictureCalls:
        config = ModelConfig(
            name="faces", version="1", latest=True, profile="cpu", folder=Path(),
            family="synthesis", weights=(), batching=Batching(), resources=Resources(),
            limits=Limits(), default=False, enabled=True, options=Options(max_images=20),
        )  # fmt: skip
        return PictureCalls(config, self, self.submit, self.statistics, "me", WINDOW)

    def synthesize(self, count: int, deadline: float = 60) -> AsyncIterator[Any]:
        request = pb.SynthesizeRequest(origins=[pb.Origin(seed=n) for n in range(count)])
        return self.calls().pieces(SHOWN["Synthesize"], request, call(deadline), Timeline())

    def animate(self, seconds: float, deadline: float = 60, **fields: Any) -> AsyncIterator[Any]:
        keyframes = [
            pb.Keyframe(time_s=0, attributes={"smile": 0}),
            pb.Keyframe(time_s=seconds, attributes={"smile": 1}),
        ]
        request = pb.AnimateRequest(origin=pb.Origin(seed=1), keyframes=keyframes, **fields)
        return self.calls().pieces(SHOWN["Animate"], request, call(deadline), Timeline())


def call(deadline: float) -> Call:
    return open_call([], None, deadline)


EVERY = {"pace": pb.PACE_EVERY_FRAME}


async def test_pictures_come_in_the_order_asked_for() -> None:
    studio = Studio()
    found = [message async for message in studio.synthesize(20)]
    assert [message.index for message in found] == list(range(20))
    assert [message.image.encoded for message in found] == [str(n).encode() for n in range(20)]
    assert {(message.model_name, message.model_version) for message in found} == {("faces", "1")}
    assert all(message.timing.total_ns and message.timing.replica == "me" for message in found)
    assert studio.most == WINDOW
    assert studio.statistics.success == 20


@pytest.mark.parametrize("way", ["synthesize", "every frame", "real time"])
async def test_who_does_not_read_is_not_drawn_for(way: str) -> None:
    studio = Studio()
    messages = {
        "synthesize": lambda: studio.synthesize(20),
        "every frame": lambda: studio.animate(10, **EVERY),
        "real time": lambda: studio.animate(10),
    }[way]()
    async with aclosing(messages) as found:  # type: ignore[type-var]
        await anext(found)
        await asyncio.sleep(0.1)
        assert len(studio.begun) <= WINDOW
        await anext(found)
        await asyncio.sleep(0.1)
        # In real time, those that are late by now give way to as many others.
        assert len(studio.begun) <= (2 * WINDOW if way == "real time" else WINDOW) + 1


@pytest.mark.parametrize("way", ["synthesize", "every frame", "real time"])
async def test_who_leaves_takes_everything_along(way: str) -> None:
    studio = Studio()
    messages = {
        "synthesize": lambda: studio.synthesize(20),
        "every frame": lambda: studio.animate(10, **EVERY),
        "real time": lambda: studio.animate(10),
    }[way]()
    await anext(messages)
    studio.open.clear()
    await asyncio.sleep(0)
    await messages.aclose()  # type: ignore[attr-defined]
    assert studio.under_way == 0
    begun = len(studio.begun)
    await asyncio.sleep(0.05)
    assert len(studio.begun) == begun


async def test_cancelled_while_it_waits() -> None:
    studio = Studio()
    studio.open.clear()
    task = asyncio.ensure_future(anext(studio.synthesize(20)))
    while not studio.under_way:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert studio.under_way == 0


async def test_only_the_first_may_be_refused_a_place() -> None:
    studio = Studio()
    async for _ in studio.synthesize(6):
        pass
    assert studio.patient == [False, *[True] * 5]


async def test_a_failure_ends_it_all() -> None:
    studio = Studio()

    async def full(item: Drawing, call: Call, timeline: Timeline) -> Drawn:
        if item.origin.seed == 2:
            raise Overloaded("full")
        return await studio.submit(item, call, timeline)

    calls = studio.calls()
    calls._submit = full  # type: ignore[assignment]
    request = pb.SynthesizeRequest(origins=[pb.Origin(seed=n) for n in range(20)])
    last = None
    with pytest.raises(Overloaded):
        async for message in calls.pieces(SHOWN["Synthesize"], request, call(60), Timeline()):
            last = message.index
    assert last == 1
    assert studio.under_way == 0


async def test_nothing_is_drawn_before_all_can_be() -> None:
    studio = Studio()
    studio.wrong = lambda item: item.origin.seed == 19
    with pytest.raises(InvalidArgument):
        await anext(studio.synthesize(20))
    assert not studio.begun


async def test_a_keyframe_is_named() -> None:
    studio = Studio()
    studio.wrong = lambda item: item.look.attributes.get("smile", 0) > 0.5
    with pytest.raises(InvalidArgument) as raised:
        await anext(studio.animate(1))
    assert [path for path, _ in raised.value.fields] == ["keyframes[1].attributes[smile]"]
    assert not studio.begun


async def test_no_more_than_the_model_allows() -> None:
    studio = Studio()
    with pytest.raises(InvalidArgument, match="origins: has 21; send 1 to 20"):
        await anext(studio.synthesize(21))


async def test_every_frame() -> None:
    studio = Studio()
    found = [message async for message in studio.animate(1, **EVERY)]
    assert [message.frame for message in found] == list(range(26))
    assert [message.time_s for message in found] == [n / 25 for n in range(26)]
    assert {message.dropped for message in found} == {0}
    smiles = [item.look.attributes["smile"] for item in studio.begun]
    np.testing.assert_allclose(smiles, np.arange(26) / 25)


async def test_late_frames_are_left_out_and_counted() -> None:
    """A model that takes three frames' time for one."""
    studio = Studio()
    studio.delay, studio.device = 0.12, asyncio.Semaphore(1)
    found = [message async for message in studio.animate(1)]
    frames = [message.frame for message in found]
    assert frames[0] == 0 and frames[-1] == 25
    assert frames == sorted(set(frames)) and 3 < len(frames) < 15
    assert [message.dropped for message in found] == [
        frame - index for index, frame in enumerate(frames)
    ]


async def test_a_slow_reader_sees_later_frames() -> None:
    studio = Studio()
    found = []
    async for message in studio.animate(1):
        found.append(message)
        await asyncio.sleep(0.2)
    frames = [message.frame for message in found]
    assert 2 < len(frames) < 15 and frames[-1] == 25
    assert found[-1].dropped == 26 - len(found)
    assert len(studio.begun) < 60


@pytest.mark.parametrize("fields", [{}, {"frames_per_second": 0.01}])
async def test_time_runs_out(fields: dict[str, Any]) -> None:
    studio = Studio()
    with pytest.raises(DeadlineExceeded):
        async with asyncio.timeout(10):
            async for _ in studio.animate(300, deadline=0.3, **fields):
                pass
    assert studio.under_way == 0
