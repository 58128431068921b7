"""Faces: where they are, what tells them apart, whether two show one person."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from seom import images, methods
from seom.call import Answer, Call
from seom.detection import Box, box, check_limit
from seom.pb.v1 import common_pb2, face_pb2
from seom.timing import Timing

MOST_PHOTOS = 16

Choice: TypeAlias = Literal["all", "largest", "only"]
_CHOICES = {
    "all": face_pb2.FACE_CHOICE_ALL,
    "largest": face_pb2.FACE_CHOICE_LARGEST,
    "only": face_pb2.FACE_CHOICE_ONLY,
}


class Point(NamedTuple):
    """In the pixels of a Box."""

    x: float
    y: float


class Landmarks(NamedTuple):
    """Five points of a face; left and right are the person's own.

    `np.array(landmarks)` is of shape (5, 2).
    """

    right_eye: Point
    left_eye: Point
    nose: Point
    right_mouth: Point
    left_mouth: Point


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """How much the picture of a face can be trusted; None where the model does not tell.

    size: the shorter side of the box in pixels of the original
    sharpness: variance of the Laplacian; below about 50 the face is blurred. `detect`
        measures it only if asked to
    yaw, pitch, roll: degrees, positive towards the person's left, upwards, and clockwise
        in the picture
    """

    size: float
    sharpness: float | None
    yaw: float | None
    pitch: float | None
    roll: float | None


@dataclass(frozen=True, slots=True)
class Face:
    """One face; `score` is 0 to 1.

    landmarks: None where the model has none
    embedding: (d,) float32 of length 1, so that `a @ b` is the cosine of two faces; None
        from `detect`
    """

    box: Box
    score: float
    landmarks: Landmarks | None
    quality: FaceQuality
    embedding: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Faces(Sequence[Face]):
    """The faces of one picture, best first.

    size: (width, height) of the upright picture the boxes refer to
    timing: of the call, which may have looked at other pictures as well
    """

    faces: tuple[Face, ...]
    model: str
    version: str
    size: tuple[int, int]
    timing: Timing

    def __iter__(self) -> Iterator[Face]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Face: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Face]: ...
    def __getitem__(self, index: int | slice) -> Face | Sequence[Face]:
        return self.faces[index]


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether two pictures show one person.

    similarity: the cosine of both embeddings, -1 to 1; from `threshold` on it is one person
    first, second: the faces that were compared, with their embeddings
    """

    same_person: bool
    similarity: float
    threshold: float
    first: Face
    second: Face
    model: str
    version: str
    timing: Timing


def detect(
    photo: images.Photo,
    *,
    model: str,
    min_score: float | None,
    max_overlap: float | None,
    min_size: float | None,
    max_results: int,
    sharpness: bool,
) -> Call[Faces]:
    """The call behind `Client.faces.detect`."""
    check_limit(max_results)
    request = face_pb2.DetectFacesRequest(
        model_name=model,
        image=images.message(photo),
        min_score=min_score,
        max_overlap=max_overlap,
        min_size=min_size,
        max_results=max_results,
        sharpness=sharpness,
    )
    return Call(methods.DETECT_FACES, request, _detected, model)


def embed(
    photos: Sequence[images.Photo],
    *,
    model: str,
    min_score: float | None,
    max_overlap: float | None,
    min_size: float | None,
    max_results: int,
    choice: Choice,
    mirror: bool | None,
) -> Call[tuple[Faces, ...]]:
    """The call behind `Client.faces.embed`."""
    check_limit(max_results)
    request = face_pb2.EmbedFacesRequest(
        model_name=model,
        images=[images.message(photo) for photo in several(photos)],
        min_score=min_score,
        max_overlap=max_overlap,
        min_size=min_size,
        max_results=max_results,
        choice=chosen(choice, "all", "largest", "only"),
        mirror=mirror,
    )
    return Call(methods.EMBED_FACES, request, _embedded, model)


def verify(
    first: images.Photo,
    second: images.Photo,
    *,
    model: str,
    threshold: float | None,
    min_score: float | None,
    min_size: float | None,
    choice: Choice,
    mirror: bool | None,
) -> Call[Verification]:
    """The call behind `Client.faces.verify`."""
    request = face_pb2.VerifyFacesRequest(
        model_name=model,
        first=images.message(first),
        second=images.message(second),
        threshold=threshold,
        min_score=min_score,
        min_size=min_size,
        choice=chosen(choice, "largest", "only"),
        mirror=mirror,
    )
    return Call(methods.VERIFY_FACES, request, _verified, model)


def several(photos: Sequence[images.Photo]) -> Sequence[images.Photo]:
    """The photos, if they are several rather than one; raises TypeError or ValueError."""
    one = (str, bytes, bytearray, memoryview, os.PathLike, np.ndarray, images.PILImage)
    if isinstance(photos, one) or not isinstance(photos, Sequence):
        raise TypeError(f"photos: give a sequence, [photo], not one {type(photos).__name__}")
    if not 1 <= len(photos) <= MOST_PHOTOS:
        raise ValueError(f"photos: give 1 to {MOST_PHOTOS} at a time, not {len(photos)}")
    return photos


def chosen(choice: str, *allowed: str) -> Any:
    if choice not in allowed:
        raise ValueError(f"choice: {choice!r} is none of {', '.join(allowed)}")
    return _CHOICES[choice]


def _detected(response: face_pb2.DetectFacesResponse, answer: Answer) -> Faces:
    return _faces(response, response, answer.timing_of(response))


def _embedded(response: face_pb2.EmbedFacesResponse, answer: Answer) -> tuple[Faces, ...]:
    spent = answer.timing_of(response)
    return tuple(_faces(response, picture, spent) for picture in response.pictures)


def _verified(response: face_pb2.VerifyFacesResponse, answer: Answer) -> Verification:
    return Verification(
        response.same_person,
        response.similarity,
        response.threshold,
        face(response.first),
        face(response.second),
        response.model_name,
        response.model_version,
        answer.timing_of(response),
    )


def _faces(
    response: face_pb2.DetectFacesResponse | face_pb2.EmbedFacesResponse,
    picture: face_pb2.DetectFacesResponse | face_pb2.PictureFaces,
    spent: Timing,
) -> Faces:
    return Faces(
        tuple(map(face, picture.faces)),
        response.model_name,
        response.model_version,
        (picture.image_width, picture.image_height),
        spent,
    )


def face(message: face_pb2.Face) -> Face:
    return Face(
        box(message.box),
        message.score,
        _landmarks(message.landmarks),
        quality(message.quality),
        np.array(message.embedding, np.float32) if message.embedding else None,
    )


def _landmarks(points: Sequence[common_pb2.Point]) -> Landmarks | None:
    return Landmarks(*(Point(each.x, each.y) for each in points)) if len(points) == 5 else None


def quality(message: face_pb2.FaceQuality) -> FaceQuality:
    known = {each.name: value for each, value in message.ListFields()}
    optional = ("sharpness", "yaw", "pitch", "roll")
    return FaceQuality(message.size, *(known.get(name) for name in optional))
