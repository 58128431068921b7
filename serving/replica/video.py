"""DetectVideo: the frames of one stream, each answered exactly once, in their order.

A frame that is looked at holds a place until its answer has left, so a client that does
not read its answers keeps no more than a window of pictures here. Where frames wait, the
next one is read only when it will find a place: the sender feels that through HTTP/2's
own windows (at the edge each stream has its connection to the replica to itself). Where
they are dropped, the stream is read on, at most one frame waits, and a client that heeds
no answer loses the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from seom.pb.v1 import detection_pb2 as pb
from serving.errors import Overloaded, ServingError
from serving.services import video
from serving.services.video import Plan
from serving.timing import Timeline

MAX_UNANSWERED = 1024
MAX_BYTES = 32 * 2**20

# Has one frame looked at, by whichever model its request names; raises ServingError alone.
Look = Callable[[pb.DetectRequest, Timeline], Awaitable[pb.DetectResponse]]


async def watch(
    messages: AsyncIterator[pb.DetectVideoRequest],
    first: pb.DetectVideoRequest,
    plan: Plan,
    look: Look,
    *,
    window: int,
) -> AsyncIterator[pb.DetectVideoResponse]:
    """Answers the frames of a stream whose first message is read and understood.

    window: frames that are looked at together where they wait; where they are dropped
        each model of the stream looks at one at a time, for the sake of freshness.

    Raises what is wrong with the stream as a whole, after the answers due before.
    """
    stream = _Stream(plan, look, len(plan.models) if plan.drops else window)
    reader = asyncio.create_task(stream.read(first, messages))
    try:
        while (frame := await stream.frames.get()) is not None:
            answer = await frame.answer
            if isinstance(answer, ServingError):
                raise answer
            stream.unread = True
            yield answer
            stream.leave(frame)
        await reader  # raises what ended the stream's messages early
    finally:
        reader.cancel()
        stream.cancel()


@dataclass(slots=True, eq=False)
class _Frame:
    """One frame between its arrival and the moment its answer has left.

    answer: a response, or the error that ends the stream; never an exception, which
        nobody might be left to see
    task: looks at it, once it has a place; `size` bytes of it are kept until it leaves
    """

    id: int
    size: int
    answer: asyncio.Future[pb.DetectVideoResponse | ServingError]
    timeline: Timeline = field(default_factory=Timeline)
    task: asyncio.Task[None] | None = None


class _Stream:
    def __init__(self, plan: Plan, look: Look, window: int) -> None:
        self.frames: asyncio.Queue[_Frame | None] = asyncio.Queue()
        self.unread = False  # whether an answer waits for its client, not for a model
        self._plan = plan
        self._look = look
        self._places = window
        self._bytes = 0
        self._unanswered = 0
        self._arrived = 0
        self._turns = 0
        self._latest: tuple[_Frame, pb.DetectVideoRequest] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()

    async def read(
        self, first: pb.DetectVideoRequest, messages: AsyncIterator[pb.DetectVideoRequest]
    ) -> None:
        overrun = False
        try:
            if first.HasField("frame"):
                self._arrive(first)
            await self._wait_for_room()
            async for message in messages:
                overrun |= self.unread and self._unanswered >= MAX_UNANSWERED
                if overrun:
                    continue  # read on, so that it ends, and nothing of it is kept
                video.check_later(message, self._plan)
                self._arrive(message)
                await self._wait_for_room()
        finally:
            self.frames.put_nowait(None)
        if overrun:
            raise Overloaded("the stream's client sent on and did not read its answers")

    async def _wait_for_room(self) -> None:
        """Returns when the next frame would find a place, or at once if it may be dropped."""
        while not self._plan.drops and (
            not self._places or self._bytes >= MAX_BYTES or self._unanswered >= MAX_UNANSWERED
        ):
            self._room.clear()
            await self._room.wait()

    def _arrive(self, message: pb.DetectVideoRequest) -> None:
        answer = asyncio.get_running_loop().create_future()
        frame = _Frame(message.frame_id, message.ByteSize(), answer)
        looked_at = self._arrived % self._plan.every == 0
        self._arrived += 1
        self._unanswered += 1
        self.frames.put_nowait(frame)
        if not looked_at:
            frame.answer.set_result(video.skipped(frame.id))
        elif self._places:
            self._start(frame, message)
        else:
            if self._latest is not None:
                late, _ = self._latest
                late.answer.set_result(video.dropped(late.id))
            self._latest = frame, message

    def _start(self, frame: _Frame, message: pb.DetectVideoRequest) -> None:
        """Gives a frame its place; whoever has one is before all that have none."""
        self._places -= 1
        self._bytes += frame.size
        turn, self._turns = self._turns, self._turns + 1
        request = self._plan.request(turn, message)
        frame.task = asyncio.create_task(self._answer(frame, turn, request))
        self._tasks.add(frame.task)

    async def _answer(self, frame: _Frame, turn: int, request: pb.DetectRequest) -> None:
        answer: pb.DetectVideoResponse | ServingError
        try:
            answer = video.detected(await self._look(request, frame.timeline), frame.id)
        except ServingError as error:
            answer = self._plan.in_its_words(error, turn)
            if not video.ends_stream(answer):
                answer = video.failed(answer, request.model_name, frame.id)
        frame.answer.set_result(answer)

    def leave(self, frame: _Frame) -> None:
        """A frame's answer has left; its place is another's."""
        self.unread = False
        self._unanswered -= 1
        if frame.task is not None:
            self._tasks.discard(frame.task)
            self._places += 1
            self._bytes -= frame.size
        if self._latest is not None and self._places:
            latest, self._latest = self._latest, None
            self._start(*latest)
        self._room.set()

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
