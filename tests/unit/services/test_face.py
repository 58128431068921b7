"""FaceService's messages: every field arrives, every wrong one is named, every result is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seom.pb.v1 import common_pb2
from seom.pb.v1 import face_pb2 as pb
from serving.errors import InvalidArgument
from serving.models.face.types import Faces, Found, Query
from serving.services import face

JPEG = common_pb2.Image(encoded=b"jpeg")
PIXELS = common_pb2.Image(
    pixels=common_pb2.Pixels(
        width=2, height=1, format=common_pb2.PIXEL_FORMAT_RGB, data=bytes(range(6))
    )
)
NOTHING = common_pb2.Image()


def refused(parse: Callable[[Any], Query], request: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as raised:
        parse(request)
    return dict(raised.value.fields)


def test_detect_reads_every_field() -> None:
    request = pb.DetectFacesRequest(
        image=PIXELS, min_score=0.25, max_overlap=0.5, min_size=20, max_results=7, sharpness=True
    )
    query = face.parse_detect_faces(request)
    (picture,) = query.pictures
    assert picture.field == "image.pixels"
    assert picture.pixels is not None
    assert picture.pixels.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert query == Query((picture,), "detect", 0.25, 0.5, 20.0, 7, sharpness=True)


def test_what_is_not_said_is_the_models_choice() -> None:
    query = face.parse_detect_faces(pb.DetectFacesRequest(image=JPEG))
    assert query == Query(query.pictures, "detect")
    query = face.parse_embed_faces(pb.EmbedFacesRequest(images=[JPEG]))
    assert query == Query(query.pictures, "embed", choice="all")
    query = face.parse_verify_faces(pb.VerifyFacesRequest(first=JPEG, second=JPEG))
    assert query == Query(query.pictures, "verify", choice="only")


def test_zero_is_a_threshold() -> None:
    request = pb.DetectFacesRequest(image=JPEG, min_score=0, max_overlap=0, min_size=0)
    query = face.parse_detect_faces(request)
    assert (query.min_score, query.max_overlap, query.min_size) == (0, 0, 0)


def test_embed_reads_every_field() -> None:
    request = pb.EmbedFacesRequest(
        images=[JPEG, PIXELS],
        min_score=0.5,
        max_overlap=0.25,
        min_size=8,
        max_results=3,
        choice=pb.FACE_CHOICE_LARGEST,
        mirror=False,
    )
    query = face.parse_embed_faces(request)
    assert [picture.field for picture in query.pictures] == [
        "images[0].encoded",
        "images[1].pixels",
    ]
    assert query == Query(query.pictures, "embed", 0.5, 0.25, 8.0, 3, "largest", False)


def test_verify_reads_every_field() -> None:
    request = pb.VerifyFacesRequest(
        first=JPEG,
        second=PIXELS,
        threshold=-0.5,
        min_score=0.5,
        min_size=8,
        choice=pb.FACE_CHOICE_LARGEST,
        mirror=True,
    )
    query = face.parse_verify_faces(request)
    assert [picture.field for picture in query.pictures] == ["first.encoded", "second.pixels"]
    assert query == Query(
        query.pictures, "verify", 0.5, None, 8.0, 0, "largest", mirror=True, threshold=-0.5
    )


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"min_score": 1.5}, "min_score"),
        ({"min_score": float("nan")}, "min_score"),
        ({"max_overlap": -0.1}, "max_overlap"),
        ({"max_overlap": float("nan")}, "max_overlap"),
        ({"min_size": -1}, "min_size"),
        ({"min_size": float("inf")}, "min_size"),
        ({"min_size": float("nan")}, "min_size"),
        ({"image": NOTHING}, "image"),
        ({"image": common_pb2.Image(encoded=b"")}, "image.encoded"),
    ],
)
def test_each_wrong_field_of_detect(fields: dict[str, Any], named: str) -> None:
    request = pb.DetectFacesRequest(**{"image": JPEG, **fields})
    assert refused(face.parse_detect_faces, request).keys() == {named}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"images": []}, {"images"}),
        ({"images": [JPEG] * 17}, {"images"}),
        (
            {"images": [JPEG, NOTHING, common_pb2.Image(encoded=b"")]},
            {"images[1]", "images[2].encoded"},
        ),
        ({"choice": 99}, {"choice"}),
        ({"max_overlap": 2}, {"max_overlap"}),
        ({"min_size": -1, "min_score": -1}, {"min_size", "min_score"}),
    ],
)
def test_each_wrong_field_of_embed(fields: dict[str, Any], named: set[str]) -> None:
    request = pb.EmbedFacesRequest(**{"images": [JPEG], **fields})
    assert refused(face.parse_embed_faces, request).keys() == named


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"threshold": 1.01}, "threshold"),
        ({"threshold": -1.01}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"choice": pb.FACE_CHOICE_ALL}, "choice"),
        ({"choice": 99}, "choice"),
        ({"min_score": 2}, "min_score"),
        ({"min_size": float("nan")}, "min_size"),
        ({"second": common_pb2.Image(encoded=b"")}, "second.encoded"),
    ],
)
def test_each_wrong_field_of_verify(fields: dict[str, Any], named: str) -> None:
    request = pb.VerifyFacesRequest(**{"first": JPEG, "second": JPEG, **fields})
    assert refused(face.parse_verify_faces, request).keys() == {named}


def test_all_wrong_fields_at_once() -> None:
    request = pb.VerifyFacesRequest(
        threshold=2, min_score=2, min_size=-1, choice=pb.FACE_CHOICE_ALL
    )
    named = {"threshold", "min_score", "min_size", "choice", "first", "second"}
    assert refused(face.parse_verify_faces, request).keys() == named


def test_one_wrong_picture_keeps_its_reason() -> None:
    empty = common_pb2.Image(encoded=b"")
    with pytest.raises(InvalidArgument) as raised:
        face.parse_embed_faces(pb.EmbedFacesRequest(images=[JPEG, empty]))
    assert raised.value.reason == "IMAGE_EMPTY"


def faces(count: int, *, landmarks: bool = True, embeddings: bool = True) -> Faces:
    n = np.arange(count, dtype=np.float32)[:, None]
    return Faces(
        boxes=(np.float32([[10, 20, 40, 80]]) + n).astype(np.float32),
        scores=(0.875 - n[:, 0] / 8).astype(np.float32),
        landmarks=np.float32([[[x, x + 1] for x in range(5)]] * count) if landmarks else None,
        sharpness=np.full(count, 123.5, np.float32) if landmarks else None,
        angles=np.tile(np.float32([[-10, 5, 2.5]]), (count, 1)) if landmarks else None,
        embeddings=np.tile(np.float32([[0.6, 0.8]]), (count, 1)) if embeddings else None,
        size=(640, 480),
    )


def test_detected_faces_are_told() -> None:
    found = faces(2, embeddings=False)
    answer = face.build_detect_faces(Found((found,)))
    assert (answer.image_width, answer.image_height) == (640, 480)
    first, second = answer.faces
    assert (first.box.x_min, first.box.y_min, first.box.x_max, first.box.y_max) == (10, 20, 40, 80)
    assert (first.score, second.score) == (0.875, 0.75)
    assert second.box.x_min == 11
    assert [(point.x, point.y) for point in first.landmarks] == [(x, x + 1) for x in range(5)]
    quality = first.quality
    assert (quality.size, quality.sharpness) == (30, 123.5)
    assert (quality.yaw, quality.pitch, quality.roll) == (-10, 5, 2.5)
    assert not first.embedding


def test_faces_of_a_detector_without_landmarks() -> None:
    answer = face.build_detect_faces(Found((faces(1, landmarks=False, embeddings=False),)))
    (found,) = answer.faces
    assert not found.landmarks
    assert found.quality.size == 30
    unknown = ("sharpness", "yaw", "pitch", "roll")
    assert not any(found.quality.HasField(name) for name in unknown)


def test_embedded_faces_come_picture_by_picture() -> None:
    answer = face.build_embed_faces(Found((faces(2), faces(0))))
    assert [len(picture.faces) for picture in answer.pictures] == [2, 0]
    assert {(picture.image_width, picture.image_height) for picture in answer.pictures} == {
        (640, 480)
    }
    assert list(answer.pictures[0].faces[1].embedding) == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(("similarity", "same"), [(0.5, True), (0.25, True), (0.125, False)])
def test_verified_faces(similarity: float, same: bool) -> None:
    answer = face.build_verify_faces(Found((faces(1), faces(1)), similarity, 0.25))
    assert (answer.same_person, answer.similarity, answer.threshold) == (same, similarity, 0.25)
    assert answer.first.box.y_max == 80
    assert len(answer.second.embedding) == 2
