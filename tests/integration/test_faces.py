"""Real faces through the edge: found, told apart, and refused where none or several are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seom import AsyncClient, Client, InvalidArgument
from tests.conftest import RunningCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


@pytest.fixture
def seom(data: Path, cluster: RunningCluster) -> Iterator[Client]:
    with Client(cluster.address, timeout=60) as client:
        yield client


@pytest.fixture
def photos(data: Path) -> Path:
    return data / "images" / "faces"


def test_a_face_is_found_by_the_default_model(seom: Client, photos: Path) -> None:
    found = seom.faces.detect(photos / "obama.jpg", sharpness=True)
    assert (found.model, found.version, len(found)) == ("faces", "1", 1)
    (face,) = found
    width, height = found.size
    assert 0 <= face.box.x_min < face.box.x_max <= width
    assert 0 <= face.box.y_min < face.box.y_max <= height
    assert face.landmarks is not None
    for point in face.landmarks:
        assert face.box.x_min < point.x < face.box.x_max
        assert face.box.y_min < point.y < face.box.y_max
    assert face.landmarks.right_eye.x < face.landmarks.nose.x < face.landmarks.left_eye.x
    assert face.quality.size == pytest.approx(min(face.box.width, face.box.height))
    assert (face.quality.sharpness or 0) > 50
    assert abs(face.quality.roll or 0) < 20
    assert face.embedding is None
    spent = found.timing
    assert spent.total_ns and spent.device_ns and spent.replica
    assert spent.total_ns > spent.device_ns


def test_embeddings_tell_people_apart(seom: Client, photos: Path) -> None:
    names = ("obama.jpg", "obama3.jpg", "biden.jpg")
    found = seom.faces.embed([photos / name for name in names], choice="only")
    embeddings = np.stack([np.asarray(faces[0].embedding) for faces in found])
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    cosines = embeddings @ embeddings.T
    assert cosines[0, 1] == pytest.approx(0.766, abs=0.05), "as its reference has it"
    assert cosines[0, 2] < 0.2
    # Alone or together, with or without others: the same face has the same embedding.
    (alone,) = seom.faces.embed([photos / "biden.jpg"], choice="only")
    assert np.asarray(alone[0].embedding) @ embeddings[2] == pytest.approx(1, abs=1e-4)


def test_verify(seom: Client, photos: Path) -> None:
    same = seom.faces.verify(photos / "obama.jpg", photos / "obama3.jpg")
    assert same.same_person
    assert same.similarity >= same.threshold
    embedding = np.asarray(same.first.embedding)
    assert embedding @ np.asarray(same.second.embedding) == pytest.approx(same.similarity, abs=1e-3)
    other = seom.faces.verify(photos / "obama.jpg", photos / "biden.jpg")
    assert not other.same_person
    assert other.similarity < other.threshold
    never = seom.faces.verify(photos / "obama.jpg", photos / "obama3.jpg", threshold=1)
    assert (never.same_person, never.threshold) == (False, 1)


def test_none_and_several(seom: Client, photos: Path, data: Path) -> None:
    coffee = data / "images" / "objects" / "coffee.png"
    people = photos / "three_people.jpg"
    assert len(seom.faces.detect(coffee)) == 0
    assert len(seom.faces.detect(people)) == 4
    assert len(seom.faces.detect(people, min_score=0.7)) == 3, "one is half out of the picture"
    with pytest.raises(InvalidArgument) as caught:
        seom.faces.verify(photos / "obama.jpg", coffee)
    assert caught.value.reason == "NO_FACE"
    assert set(dict(caught.value.fields)) == {"second.encoded"}
    with pytest.raises(InvalidArgument) as caught:
        seom.faces.embed([photos / "obama.jpg", people], choice="only")
    assert caught.value.reason == "SEVERAL_FACES"
    assert set(dict(caught.value.fields)) == {"images[1].encoded"}
    (largest,) = seom.faces.embed([people], choice="largest")
    areas = [each.box.width * each.box.height for each in seom.faces.detect(people)]
    assert largest[0].box.width * largest[0].box.height == pytest.approx(max(areas), rel=0.01)


def test_a_detector_has_no_faces(seom: Client, photos: Path) -> None:
    with pytest.raises(InvalidArgument) as caught:
        seom.faces.detect(photos / "obama.jpg", model="spots")
    assert caught.value.reason == "WRONG_FAMILY"
    with pytest.raises(InvalidArgument) as caught:
        seom.detect(photos / "obama.jpg", model="faces")
    assert caught.value.reason == "WRONG_FAMILY"


async def test_awaited(cluster: RunningCluster, photos: Path) -> None:
    async with AsyncClient(cluster.address, timeout=60) as seom:
        verified = await seom.faces.verify(photos / "obama.jpg", photos / "obama3.jpg")
    assert verified.same_person


def test_the_command(cluster: RunningCluster, photos: Path) -> None:
    address = ("--address", cluster.address)
    pair = (str(photos / "obama.jpg"), str(photos / "biden.jpg"))
    verified = cluster.seom("verify", *pair, *address)
    assert verified.returncode == 0, verified.stderr
    assert "different people" in verified.stdout
    shown = cluster.seom("faces", pair[0], "--embed", "--json", *address)
    assert len(json.loads(shown.stdout)["faces"][0]["embedding"]) == 128
