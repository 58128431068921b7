"""Object detection: what is where on a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from seom import images, methods
from seom.call import Answer, Call
from seom.pb.v1 import common_pb2, detection_pb2
from seom.timing import Timing


@dataclass(frozen=True, slots=True)
class Box:
    """Corners in pixels of the upright picture; the origin is its top left corner."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    @property
    def width(self) -> float:
        return self.x_max - self.x_min

    @property
    def height(self) -> float:
        return self.y_max - self.y_min

    @property
    def center(self) -> tuple[float, float]:
        """(x, y)"""
        return (self.x_min + self.x_max) / 2, (self.y_min + self.y_max) / 2


@dataclass(frozen=True, slots=True)
class Detection:
    """One object: `score` is 0 to 1, `class_id` the label's index in the model's list."""

    label: str
    class_id: int
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Detections(Sequence[Detection]):
    """The objects on one picture, best first.

    size: (width, height) of the upright picture the boxes refer to
    """

    objects: tuple[Detection, ...]
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


def detect(
    photo: images.Photo,
    *,
    model: str,
    min_score: float | None,
    max_overlap: float | None,
    labels: Sequence[str],
    max_results: int,
) -> Call[Detections]:
    """The call behind `Client.detect`."""
    check_labels(labels)
    check_limit(max_results)
    request = detection_pb2.DetectRequest(
        model_name=model,
        image=images.message(photo),
        min_score=min_score,
        max_overlap=max_overlap,
        labels=labels,
        max_results=max_results,
    )
    return Call(methods.DETECT, request, _detections, model)


def _detections(response: detection_pb2.DetectResponse, answer: Answer) -> Detections:
    return Detections(
        objects(response),
        response.model_name,
        response.model_version,
        (response.image_width, response.image_height),
        answer.timing_of(response),
    )


def objects(
    response: detection_pb2.DetectResponse | detection_pb2.DetectVideoResponse,
) -> tuple[Detection, ...]:
    return tuple(
        Detection(each.label, each.class_id, each.score, box(each.box))
        for each in response.detections
    )


def box(message: common_pb2.Box) -> Box:
    return Box(message.x_min, message.y_min, message.x_max, message.y_max)


def check_labels(labels: Sequence[str]) -> None:
    """Raises TypeError for a single label, whose letters would pass for several."""
    if isinstance(labels, str):
        raise TypeError(f"labels: give a sequence, ({labels!r},), not one str")


def check_limit(max_results: int) -> None:
    """Raises ValueError for a limit that is none."""
    if max_results < 0:
        raise ValueError(f"max_results: {max_results} is negative; 0 is the model's own limit")
