"""Which frames of a video are looked at, when, and what becomes of the rest; no server needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from seom.pb.v1 import common_pb2
from seom.pb.v1 import detection_pb2 as pb
from serving.errors import DeadlineExceeded, InvalidArgument, NotFound, Overloaded, ServingError
from serving.replica import video
from serving.services.video import parse_video
from serving.timing import Timeline

FRAME = common_pb2.Image(encoded=b"j" * 1000)
DROP = pb.LATE_POLICY_DROP
SHORT = {
    pb.FRAME_OUTCOME_DETECTED: "detected",
    pb.FRAME_OUTCOME_SKIPPED: "skipped",
    pb.FRAME_OUTCOME_DROPPED: "dropped",
    pb.FRAME_OUTCOME_FAILED: "failed",
}


class Desk:
    """One stream: the test hands messages in, and lets looks end one by one."""

    def __init__(self, *, window: int = 2, **settings: Any) -> None:
        self.read = 0  # messages the stream has taken
        self.cancelled = 0
        self.heard: list[str] = []  # by `seen`
        self.looks: list[tuple[pb.DetectRequest, asyncio.Future[ServingError | None]]] = []
        self._inbox: asyncio.Queue[pb.DetectVideoRequest | None] = asyncio.Queue()
        first = pb.DetectVideoRequest(settings=pb.VideoSettings(**settings), model_name="m0")
        plan = parse_video(first)
        self.answers = video.watch(self._messages(), first, plan, self._look, window=window)

    async def _messages(self) -> AsyncIterator[pb.DetectVideoRequest]:
        while (message := await self._inbox.get()) is not None:
            self.read += 1
            yield message

    async def _look(self, request: pb.DetectRequest, timeline: Timeline) -> pb.DetectResponse:
        done: asyncio.Future[ServingError | None] = asyncio.get_running_loop().create_future()
        self.looks.append((request, done))
        try:
            error = await done
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if error is not None:
            raise error
        return pb.DetectResponse(model_name=request.model_name)

    def send(self, *frame_ids: int) -> None:
        for frame_id in frame_ids:
            self._inbox.put_nowait(pb.DetectVideoRequest(frame=FRAME, frame_id=frame_id))

    def say(self, message: pb.DetectVideoRequest) -> None:
        self._inbox.put_nowait(message)

    def end(self) -> None:
        self._inbox.put_nowait(None)

    def finish(self, look: int, error: ServingError | None = None) -> None:
        self.looks[look][1].set_result(error)

    async def seen(self) -> list[str]:
        """Every answer to the end, as `frame:outcome:model`; looks end as they begin."""

        async def attend() -> None:
            while True:
                for _, done in self.looks:
                    if not done.done():
                        done.set_result(None)
                await asyncio.sleep(0)

        task = asyncio.create_task(attend())
        try:
            async for answer in self.answers:
                self.heard.append(told(answer))
            return self.heard
        finally:
            task.cancel()


def told(answer: pb.DetectVideoResponse) -> str:
    return ":".join(filter(None, [str(answer.frame_id), SHORT[answer.outcome], answer.model_name]))


async def settle() -> None:
    """Lets everything run that does not wait for the test."""
    for _ in range(50):
        await asyncio.sleep(0)


async def begun(desk: Desk) -> asyncio.Task[pb.DetectVideoResponse]:
    """The first answer on its way; nothing of a stream happens before somebody asks."""
    task = asyncio.ensure_future(anext(desk.answers))
    await settle()
    return task


async def test_every_frame_is_answered_in_order() -> None:
    desk = Desk(window=4)
    desk.send(7, 3, 3, 9)
    desk.end()
    first = await begun(desk)
    assert len(desk.looks) == 4, "all of a window are looked at together"
    for look in (3, 1, 2):
        desk.finish(look)
    await settle()
    assert not first.done(), "a later frame's answer does not overtake an earlier one's"
    desk.finish(0)
    assert told(await first) == "7:detected:m0"
    assert await desk.seen() == ["3:detected:m0", "3:detected:m0", "9:detected:m0"]


async def test_every_nth_and_turns() -> None:
    desk = Desk(every=2, further_models=["m1", "m2"])
    desk.send(*range(9))
    desk.end()
    assert await desk.seen() == [
        "0:detected:m0",
        "1:skipped",
        "2:detected:m1",
        "3:skipped",
        "4:detected:m2",
        "5:skipped",
        "6:detected:m0",
        "7:skipped",
        "8:detected:m1",
    ]


async def test_frames_that_wait_are_not_even_read() -> None:
    desk = Desk(window=2)
    desk.send(*range(6))
    desk.end()
    first = await begun(desk)
    assert (desk.read, len(desk.looks)) == (2, 2)
    desk.finish(1)
    await settle()
    assert desk.read == 2, "a place is free only when its answer has left"
    desk.finish(0)
    await first
    await settle()
    assert desk.read == 2, "the client has the answer, but has not come back for another"
    second = await begun(desk)
    assert (await second).frame_id == 1
    assert desk.read == 3
    assert len(await desk.seen()) == 4


async def test_bytes_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_BYTES", 1500)
    desk = Desk(window=8)
    desk.send(*range(4))
    desk.end()
    first = await begun(desk)
    assert desk.read == 2, "two of 1000 bytes are the first to be too many"
    desk.finish(0)
    await first
    assert len(await desk.seen()) == 3


async def test_skipped_frames_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_UNANSWERED", 10)
    desk = Desk(every=1000)
    desk.send(*range(50))
    desk.end()
    await begun(desk)
    assert desk.read == 10
    desk.finish(0)
    await settle()
    assert len(await desk.seen()) == 49


async def test_late_frames_give_way_to_newer_ones() -> None:
    desk = Desk(when_late=DROP)
    desk.send(*range(6))
    first = await begun(desk)
    assert (desk.read, len(desk.looks)) == (6, 1), "one at a time, for each model"
    desk.finish(0)
    assert told(await first) == "0:detected:m0"
    desk.end()
    assert await desk.seen() == [
        "1:dropped",
        "2:dropped",
        "3:dropped",
        "4:dropped",
        "5:detected:m0",
    ]


async def test_frames_that_come_in_time_are_not_dropped() -> None:
    desk = Desk(when_late=DROP)
    for frame_id in range(3):
        desk.send(frame_id)
        answer = await begun(desk)
        desk.finish(frame_id)
        assert told(await answer) == f"{frame_id}:detected:m0"


async def test_a_dropped_frame_takes_no_turn() -> None:
    desk = Desk(when_late=DROP, further_models=["m1"])
    desk.send(0, 1, 2, 3)
    first = await begun(desk)
    assert [request.model_name for request, _ in desk.looks] == ["m0", "m1"]
    desk.finish(0)
    await first
    desk.end()
    assert await desk.seen() == ["1:detected:m1", "2:dropped", "3:detected:m0"]


async def test_skipping_and_dropping_together() -> None:
    desk = Desk(when_late=DROP, every=2)
    desk.send(*range(6))
    first = await begun(desk)
    desk.finish(0)
    await first
    desk.end()
    assert await desk.seen() == [
        "1:skipped",
        "2:dropped",
        "3:skipped",
        "4:detected:m0",
        "5:skipped",
    ]


async def test_a_frame_may_fail_and_the_stream_goes_on() -> None:
    desk = Desk(window=4)
    desk.send(*range(4))
    desk.end()
    first = await begun(desk)
    desk.finish(0, InvalidArgument.field("image.encoded", "is empty", reason="IMAGE_EMPTY"))
    desk.finish(1, DeadlineExceeded("too late"))
    desk.finish(2, Overloaded("full"))
    answers = [await first, await anext(desk.answers), await anext(desk.answers)]
    assert [told(answer) for answer in answers] == ["0:failed:m0", "1:failed:m0", "2:failed:m0"]
    errors = [(a.error.status, a.error.reason, a.error.message) for a in answers]
    assert errors == [
        (3, "IMAGE_EMPTY", "frame.encoded: is empty"),
        (4, "DEADLINE_EXCEEDED", "too late"),
        (8, "QUEUE_FULL", "full"),
    ]
    assert await desk.seen() == ["3:detected:m0"]


async def test_what_is_wrong_with_the_stream_ends_it_after_earlier_answers() -> None:
    desk = Desk(window=4, further_models=["m1"])
    desk.send(0, 1, 2)
    first = await begun(desk)
    desk.finish(1, NotFound("no model 'm1'"))
    desk.finish(0)
    assert told(await first) == "0:detected:m0"
    with pytest.raises(NotFound, match="m1"):
        await anext(desk.answers)
    await settle()
    assert desk.cancelled == 1, "the third frame was being looked at"


async def test_a_later_message_may_set_nothing() -> None:
    desk = Desk()
    desk.send(0)
    desk.say(pb.DetectVideoRequest(frame=FRAME, settings=pb.VideoSettings(every=2)))
    first = await begun(desk)
    desk.finish(0)
    await first
    with pytest.raises(InvalidArgument, match="settings"):
        await anext(desk.answers)


async def test_a_client_that_heeds_no_answer_loses_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(video, "MAX_UNANSWERED", 10)
    desk = Desk(when_late=DROP)
    desk.send(*range(30))
    first = await begun(desk)
    desk.send(*range(30))
    desk.finish(0)
    await first
    desk.send(*range(40))
    desk.end()
    await settle()
    assert desk.read == 100, "it is read on, or others of its connection would wait"
    with pytest.raises(Overloaded):
        await desk.seen()
    assert len(desk.heard) == 59, "a slow model was no reason to lose any"


async def test_leaving_cancels_what_is_looked_at() -> None:
    desk = Desk(window=3)
    desk.send(0, 1, 2, 3)
    first = await begun(desk)
    desk.finish(0)
    await first
    await desk.answers.aclose()  # type: ignore[attr-defined]
    await settle()
    assert desk.cancelled == 2
    desk.send(9)
    await settle()
    assert desk.read == 3, "nobody reads any more"
