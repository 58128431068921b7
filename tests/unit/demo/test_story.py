"""What the demo decides by itself: who plays which part, and what a face's numbers do."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest
from PIL import Image

from serving.demo import lora
from serving.demo.cast import CASTS, Cast
from serving.demo.subject import island, yours
from serving.repository.config import PROFILES
from serving.repository.scan import Repository
from tests.conftest import ROOT


def test_a_part_that_no_model_can_play_is_left_out() -> None:
    cast = Cast.of("reference", {"island-detector", "island-chat", "faces"})
    assert cast == Cast(things="island-detector", writer="island-chat")
    assert cast.models == ("island-detector", "island-chat")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_part_is_meant_for_a_model_of_the_profile(profile: str) -> None:
    there = {model.name for model in Repository(ROOT / "model_repo", profile).models()}
    assert CASTS[profile].models and set(CASTS[profile].models) <= there


def test_the_island_is_the_same_every_time() -> None:
    one, other = island(), island()
    assert one == other
    assert one.picture().size == (640, 480)
    assert len(one.album) == 3
    assert {len(photos) for photos in one.album.values()} == {3}


def test_your_own_people(tmp_path: Path) -> None:
    """Files that are no pictures are left alone, and a picture lies as its camera was held."""
    (tmp_path / "people" / "Mina").mkdir(parents=True)
    picture = Image.new("RGB", (40, 30), "red")
    for name in ("people/Mina/a.jpg", "people/Mina/b.PNG"):
        picture.save(tmp_path / name)
    (tmp_path / "people" / "Mina" / "notes.txt").write_text("shy")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "photo.jpg", exif=exif)
    subject = yours(tmp_path / "photo.jpg", tmp_path / "people")
    assert [len(photos) for photos in subject.album.values()] == [2]
    assert list(subject.album) == ["Mina"]
    assert subject.picture().size == (30, 40)


@pytest.mark.parametrize(
    ("face", "wanted"),
    [
        (lora.Face(eyes=0.5, mouth=0.5, turn=0.0), {"eyes": 0.0, "mouth": 0.0, "turn": 0.0}),
        (lora.Face(eyes=1.0, mouth=0.0, turn=-1.0), {"eyes": 2.0, "mouth": -2.0, "turn": -2.0}),
    ],
)
def test_a_face_on_the_sliders(face: lora.Face, wanted: dict[str, float]) -> None:
    assert lora.strengths(face) == wanted


def test_a_face_that_speaks_moves_for_every_word() -> None:
    keyframes = lora.keyframes(lora.Face(eyes=0.7, mouth=0.6, turn=0.3), words=4)
    times = [time for time, _ in keyframes]
    assert times[0] == 0.0 and all(a < b for a, b in itertools.pairwise(times))
    opened = [strengths["mouth"] for _, strengths in keyframes]
    assert sum(a < b for a, b in itertools.pairwise(opened)) >= 4
    assert keyframes[0][1] == keyframes[-1][1]


def test_a_film_of_frames() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    film = Image.open(io.BytesIO(lora.film(frames)))
    assert film.format == "WEBP" and film.n_frames == 3 and film.info["loop"] == 0  # type: ignore[attr-defined]
