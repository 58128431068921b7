"""The demo without its language models: whom it meets, what it draws, and that it keeps nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from seom import Client
from serving.cli.demo import names_of, shipped_photograph
from serving.cli.demo_people import Scene, meet
from serving.cli.draw import draw_people
from tests.conftest import ROOT, RunningCluster
from tests.demo_models import write_people

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def home() -> Iterator[Path]:
    # Ray's sockets lie below this folder, and the path of a socket is at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="seom-"))
    yield folder
    shutil.rmtree(folder)


def test_the_whole_of_it(data: Path, home: Path, tmp_path: Path) -> None:
    for name in ("yolox-nano", "faces"):
        shutil.copytree(
            ROOT / "model_repo" / "cpu" / name,
            tmp_path / "models" / "cpu" / name,
            ignore=shutil.ignore_patterns("1"),
        )
    write_people(tmp_path / "people")
    done = subprocess.run(
        [sys.executable, "-m", "serving.cli.demo", "--repo", "models", "--people", "people"],
        cwd=tmp_path,
        env={**os.environ, "SEOM_HOME": str(home), "SEOM_MIRROR": str(data / "models")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    for words in ("person", "Eileen Collins", "obama3.jpg", "Barack Obama"):
        assert words in done.stdout
    assert "not enrolled" not in done.stdout
    drawn, people = sorted((tmp_path / "out").iterdir(), key=lambda file: len(file.name))
    assert str(people.relative_to(tmp_path)) in done.stdout
    assert Image.open(drawn).size == (512, 512)
    assert Image.open(people).height == 512
    assert not list(home.rglob("*.db"))


@pytest.fixture(scope="module")
def seom(data: Path, cluster: RunningCluster) -> Iterator[Client]:
    with Client(cluster.address, timeout=60) as client:
        yield client


def met(seom: Client, photo: Path, folder: Path | None = None) -> list[Scene]:
    faces = seom.faces.detect(photo)
    return meet(seom, photo, faces, names_of(photo, faces), folder)


def test_without_other_photographs(seom: Client, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    for folder in (None, tmp_path / "people"):
        (scene,) = met(seom, shipped_photograph(), folder)
        (face,) = scene.found
        assert face.person == "Eileen Collins"
        assert 0.7 < (face.similarity or 0) < 1, "it is another picture"
    assert not list(seom.galleries())
    picture = Image.open(draw_people([scene, scene], "people", tmp_path / "out"))
    assert picture.size == (1024, 512)


def test_several_people_of_one_photograph(
    seom: Client, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One is half out of the picture; whoever cannot be enrolled is told and left out."""
    (scene,) = met(seom, data / "images" / "faces" / "three_people.jpg")
    found = [face.person for face in scene.found if face.person]
    told = [line for line in capsys.readouterr().out.splitlines() if "is not enrolled: " in line]
    assert len(found) + len(told) == 4
    assert len(found) >= 3
    assert len(set(found)) == len(found)


def test_nobody(seom: Client, data: Path) -> None:
    assert met(seom, data / "images" / "objects" / "coffee.png") == []
    assert not list(seom.galleries())
