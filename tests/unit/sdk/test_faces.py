"""Faces: what is asked, what comes back, and what never leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seom import AsyncClient, Box, Client, Face, FaceQuality, Faces, InvalidArgument, Point
from seom.pb.v1 import face_pb2

from .server import Server


def test_detect(client: Client, server: Server) -> None:
    found = client.faces.detect(
        b"jpeg",
        model="m",
        min_score=0.25,
        max_overlap=0.5,
        min_size=20,
        max_results=9,
        sharpness=True,
    )
    request = server.last.request
    assert (request.model_name, request.image.encoded) == ("m", b"jpeg")
    assert (request.min_score, request.max_overlap, request.min_size) == (0.25, 0.5, 20)
    assert (request.max_results, request.sharpness) == (9, True)

    assert isinstance(found, Faces)
    assert (found.model, found.version, found.size) == ("m", "1", (64, 48))
    best, other = found
    assert best.box == Box(16, 12, 48, 36)
    assert best.score == pytest.approx(0.9)
    assert best.landmarks is not None
    assert best.landmarks.right_eye == Point(30, 22)
    assert best.landmarks.right_eye.x < best.landmarks.left_eye.x
    assert np.array(best.landmarks).shape == (5, 2)
    assert best.quality == FaceQuality(size=24, sharpness=80, yaw=-10, pitch=5, roll=0)
    assert best.embedding is None
    assert found[-1] is other
    assert found[:1] == (best,)
    assert found.timing.device_ms == 2.0
    assert found.timing.round_trip_ms is not None


def test_what_is_not_said_is_left_to_the_model(client: Client, server: Server) -> None:
    client.faces.embed([b"jpeg"])
    request = server.last.request
    unsaid = ("min_score", "max_overlap", "min_size", "mirror")
    assert not any(request.HasField(name) for name in unsaid)
    client.faces.verify(b"jpeg", b"png")
    unsaid = ("threshold", "min_score", "min_size", "mirror")
    assert not any(server.last.request.HasField(name) for name in unsaid)


def test_a_model_without_landmarks(client: Client) -> None:
    face, _ = client.faces.detect(b"jpeg", model="plain")
    assert face.landmarks is None
    assert face.quality == FaceQuality(24, None, None, None, None)


def test_sharpness_is_measured_if_asked_for(client: Client) -> None:
    face, _ = client.faces.detect(b"jpeg")
    assert face.quality.sharpness is None
    assert face.quality.yaw == -10


def test_nobody(client: Client) -> None:
    assert len(client.faces.detect(b"jpeg", model="blind")) == 0


def test_embed(client: Client, server: Server) -> None:
    first, second = client.faces.embed([b"a", b"b"], choice="largest", mirror=False, min_score=0)
    request = server.last.request
    assert [image.encoded for image in request.images] == [b"a", b"b"]
    assert request.choice == face_pb2.FACE_CHOICE_LARGEST
    assert (request.HasField("mirror"), request.mirror) == (True, False)
    assert (request.HasField("min_score"), request.min_score) == (True, 0)
    assert (len(first), len(second)) == (1, 1)
    embedding = first[0].embedding
    assert embedding is not None
    assert (embedding.dtype, embedding.shape) == (np.float32, (2,))
    assert embedding @ second[0].embedding == pytest.approx(np.cos(0.3))
    assert first.timing == second.timing


def test_faces_compare_without_their_embeddings(client: Client) -> None:
    (here,), (there,) = client.faces.embed([b"a", b"a"], choice="largest")
    assert here == there
    assert "embedding" not in repr(here)


def test_verify(client: Client, server: Server) -> None:
    found = client.faces.verify(b"a", b"b", threshold=0.99, choice="largest")
    request = server.last.request
    assert (request.first.encoded, request.second.encoded) == (b"a", b"b")
    assert request.threshold == pytest.approx(0.99)
    assert request.choice == face_pb2.FACE_CHOICE_LARGEST
    assert found.same_person is False
    assert found.similarity == pytest.approx(np.cos(0.3))
    assert found.threshold == pytest.approx(0.99)
    assert isinstance(found.first, Face)
    assert found.second.embedding is not None
    assert (found.model, found.version, found.timing.device_ms) == ("faces", "1", 2.0)
    assert client.faces.verify(b"a", b"b").same_person is True


@pytest.mark.parametrize(
    ("photos", "error", "words"),
    [
        (b"jpeg", TypeError, r"\[photo\]"),
        ("photo.jpg", TypeError, r"\[photo\]"),
        (Path("photo.jpg"), TypeError, r"\[photo\]"),
        (np.zeros((4, 4, 3), np.uint8), TypeError, r"\[photo\]"),
        (Image.new("RGB", (2, 2)), TypeError, r"\[photo\]"),
        ([], ValueError, "1 to 16"),
        ([b"jpeg"] * 17, ValueError, "1 to 16"),
        ([b"jpeg", "nowhere.jpg"], FileNotFoundError, "nowhere"),
    ],
)
async def test_photos_that_are_none(
    photos: Any, error: type[Exception], words: str, client: Client, aclient: AsyncClient,
    server: Server,
) -> None:  # fmt: skip
    with pytest.raises(error, match=words):
        client.faces.embed(photos)
    with pytest.raises(error, match=words):
        await aclient.faces.embed(photos)
    assert not server.seen


def test_other_arguments_that_never_leave(client: Client, server: Server) -> None:
    with pytest.raises(ValueError, match=r"choice.*all, largest, only"):
        client.faces.embed([b"jpeg"], choice="first")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"choice.*largest, only"):
        client.faces.verify(b"a", b"b", choice="all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_results"):
        client.faces.detect(b"jpeg", max_results=-1)
    assert not server.seen


def test_a_refused_picture_is_named(client: Client) -> None:
    with pytest.raises(InvalidArgument) as caught:
        client.faces.embed([b"a", b""])
    assert dict(caught.value.fields) == {"images[1]": "is empty"}


async def test_answers_are_the_same_awaited(
    aclient: AsyncClient, client: Client, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"jpeg")
    assert (await aclient.faces.detect(photo)).faces == client.faces.detect(photo).faces
    here, there = await aclient.faces.embed([photo, photo]), client.faces.embed([photo, photo])
    assert [each.faces for each in here] == [each.faces for each in there]
    assert np.array_equal(here[1][0].embedding, there[1][0].embedding)  # type: ignore[arg-type]
    verified = await aclient.faces.verify(photo, photo, threshold=0.5)
    assert (verified.same_person, verified.threshold) == (True, 0.5)
