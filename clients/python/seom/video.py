"""Object detection on a video: frames out, one answer back for each, in order.

Owns what a stream says and how far it runs ahead of its answers: a sender that did not
wait for them would fill its connection, and other calls share that. Frames that nobody
will look at do not leave at all.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias, overload

import grpc

from seom import errors, images, timing
from seom.detection import Detection, check_labels, check_limit, objects
from seom.images import Photo
from seom.pb.v1 import detection_pb2 as pb
from seom.timing import Timing

# Frames that may be unanswered: enough for full batches, or, where only the newest
# counts, for the way there and back. One more waits here, or is dropped here.
AHEAD = 32
AHEAD_LIVE = 8
# Seconds a stream may take if it does not say: every call has a deadline.
DAY = 24 * 3600.0
MOST_FURTHER_MODELS = 15

Frame: TypeAlias = Photo | tuple[int, Photo]

_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class FrameOutcome(StrEnum):
    """What became of a frame; equal to its own name."""

    UNKNOWN = "UNKNOWN"
    DETECTED = "DETECTED"
    SKIPPED = "SKIPPED"  # not one of every n-th
    DROPPED = "DROPPED"  # it gave way to a newer one
    FAILED = "FAILED"  # `error` says why; the stream goes on


_OUTCOMES = tuple(FrameOutcome)


@dataclass(frozen=True, slots=True)
class VideoDetections(Sequence[Detection]):
    """The objects on one frame, best first; none unless its outcome is DETECTED.

    frame_id: the caller's own number, or the frame's place in the video
    model: the one that looked at it
    size: (width, height) of the upright frame the boxes refer to
    timing: of this frame; its round trip includes waiting for the frames before it
    """

    objects: tuple[Detection, ...]
    frame_id: int
    outcome: FrameOutcome
    error: errors.SeomError | None
    model: str
    version: str
    size: tuple[int, int]
    timing: Timing

    def __iter__(self) -> Iterator[Detection]:
        return iter(self.objects)

    def __len__(self) -> int:
        return len(self.objects)

    @overload
    def __getitem__(self, index: int) -> Detection: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Detection]: ...
    def __getitem__(self, index: int | slice) -> Detection | Sequence[Detection]:
        return self.objects[index]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stream asks for; see `Client.detect_video`.

    Raises TypeError or ValueError for what cannot be.
    """

    model: str
    further_models: Sequence[str]
    every: int
    drop_late: bool
    min_score: float | None
    max_overlap: float | None
    labels: Sequence[str]
    max_results: int

    def __post_init__(self) -> None:
        check_labels(self.labels)
        check_limit(self.max_results)
        if isinstance(self.further_models, str):
            raise TypeError(
                f"further_models: give a sequence, ({self.further_models!r},), not one str"
            )
        if len(self.further_models) > MOST_FURTHER_MODELS:
            raise ValueError(f"further_models: at most {MOST_FURTHER_MODELS} may take turns")
        if self.every < 1:
            raise ValueError(f"every: {self.every} is less than 1, which is every frame")

    def message(self) -> pb.VideoSettings:
        late = pb.LATE_POLICY_DROP if self.drop_late else pb.LATE_POLICY_WAIT
        return pb.VideoSettings(
            further_models=self.further_models,
            when_late=late,
            min_score=self.min_score,
            max_overlap=self.max_overlap,
            labels=self.labels,
            max_results=self.max_results,
        )


class Exchange:
    """The client's half of one stream: makes its messages, reads its answers.

    `failure` is what making a message raised; the stream is ended there, what was sent
    before is still answered, and the failure is the caller's to see last. One thread may
    send while another reads.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.failure: Exception | None = None
        self._opened = False
        self._count = self._answered = 0
        # What is not yet answered, or not yet told: number, and when it was sent or why not.
        self._passed: deque[tuple[int, int | FrameOutcome]] = deque()

    def take(self, frame: Any) -> tuple[int, Photo] | None:
        """A frame's number and its photo; None for one that is skipped.

        Raises TypeError or ValueError for a number that is none.
        """
        number, photo = frame if isinstance(frame, tuple) and len(frame) == 2 else (None, frame)
        if number is None:
            number = self._count
        if isinstance(photo, tuple) or isinstance(number, bool) or not isinstance(number, int):
            raise TypeError("frames: give photos, or tuples of a number (int) and a photo")
        if not 0 <= number < 2**64:
            raise ValueError(f"frames: {number} is no number of 0 to 2**64 - 1")
        self._count += 1
        if (self._count - 1) % self.settings.every:
            self._passed.append((number, FrameOutcome.SKIPPED))
            return None
        return number, photo

    def drop(self, number: int) -> None:
        """The frame gives way here already, since too many before it are unanswered."""
        self._passed.append((number, FrameOutcome.DROPPED))

    def message(self, number: int, photo: Photo) -> pb.DetectVideoRequest:
        """The message of a frame; the first carries the settings."""
        message = pb.DetectVideoRequest(frame_id=number, frame=images.message(photo))
        if not self._opened:
            message.model_name = self.settings.model
            message.settings.CopyFrom(self.settings.message())
            self._opened = True
        self._passed.append((number, time.perf_counter_ns()))
        return message

    def read(self, response: pb.DetectVideoResponse, request_id: str) -> Iterator[VideoDetections]:
        """The result of the oldest unanswered frame, and of those around it that never left."""
        yield from self.rest()
        if not self._passed:
            raise errors.Internal("the answer to no frame that was sent", request_id=request_id)
        _, sent = self._passed.popleft()
        assert isinstance(sent, int)
        failed = response.error if response.HasField("error") else None
        known = response.outcome < len(_OUTCOMES)
        yield VideoDetections(
            objects(response),
            response.frame_id,
            _OUTCOMES[response.outcome] if known else FrameOutcome.UNKNOWN,
            None if failed is None else _error(failed, request_id),
            response.model_name,
            response.model_version,
            (response.image_width, response.image_height),
            timing.of_message(response.timing, time.perf_counter_ns() - sent),
        )
        yield from self.rest()

    def room(self) -> int:
        """How many more frames may leave, now that one is answered.

        At first frames go one by one: what is wrong with the settings shows with the first
        frame of a model, and grpc.aio loses the status of a stream it is writing to.
        """
        self._answered += 1
        if self._answered != 1 + len(self.settings.further_models):
            return 1
        return AHEAD_LIVE if self.settings.drop_late else AHEAD

    def rest(self) -> Iterator[VideoDetections]:
        """Results of the frames that never left, up to the oldest that is unanswered."""
        while self._passed and isinstance(self._passed[0][1], FrameOutcome):
            number, outcome = self._passed.popleft()
            assert isinstance(outcome, FrameOutcome)
            yield VideoDetections((), number, outcome, None, "", "", (0, 0), Timing())


def _error(message: pb.FrameError, request_id: str) -> errors.SeomError:
    reason = message.reason
    return errors.of_status(
        _CODES.get(message.status, "UNKNOWN"),
        message.message,
        request_id=request_id,
        details=[{"@type": "google.rpc.ErrorInfo", "reason": reason}] if reason else (),
    )
