"""The demo: whom it meets, what it tells and shows, and that it keeps nobody."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from seom import Client
from serving.demo import sights
from serving.demo.chapters import Listed, Said
from serving.demo.subject import Subject, island, yours
from tests.conftest import ROOT, RunningCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def home() -> Iterator[Path]:
    # Ray's sockets lie below this folder, and the path of a socket is at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="seom-"))
    yield folder
    shutil.rmtree(folder)


def test_the_story_of_the_island(home: Path, tmp_path: Path) -> None:
    """Everybody is named, every model plays its part, and the page needs nothing beside it."""
    pytest.importorskip("vllm", reason="vLLM is not installed")
    shutil.copytree(ROOT / "model_repo" / "reference", tmp_path / "reference")
    done = subprocess.run(
        [sys.executable, "-m", "serving.demo", "--repo", "."],
        cwd=tmp_path,
        env={**os.environ, "SEOM_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "not enrolled" not in done.stdout
    (page,) = (tmp_path / "out").glob("story-*.html")
    assert str(page) in done.stdout
    text = page.read_text()
    called = '{"title": "family picnic", "date": "05-10", "time": "15:00"}'
    spoken = ("What the picture tells", "3 May", '"recipe_ingredients"', called, '"eyes"')
    for words in ("cake", "person", *island().album, *spoken):
        assert words in done.stdout and words in html.unescape(text)
    # Every call is in the table, and none took no time.
    (calls,) = re.findall(r"(\d+) calls at one gRPC address", text)
    rows = re.findall(r'<tr><td>([^<]+)</td><td>island-.*<td class="n">([0-9.]+)</td></tr>', text)
    assert len(rows) == int(calls) and min(float(spent) for _, spent in rows) > 0.1
    asked = Counter(asked for asked, _ in rows)
    assert asked["calendar"] == 2 and asked["animate"] == 1  # the call, and words for its result
    assert sum(each.startswith("enroll ") for each in asked) == len(island().album)
    assert sum(each.startswith(("eyes ", "mouth ", "turn ")) for each in asked) == 15
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', text)
    # The photograph, its things, its faces, three portraits of each of three people, its names;
    # Lora as she speaks, and the sliders.
    assert len(sources) == 15 and all(source.startswith("data:image/") for source in sources)
    assert not list(home.rglob("*.db"))


@pytest.fixture(scope="module")
def seom(data: Path, cluster: RunningCluster) -> Iterator[Client]:
    with Client(cluster.address, timeout=60) as client:
        yield client


def met(seom: Client, subject: Subject) -> tuple[tuple[str, ...], list[str]]:
    """Who was recognised, and what was said of those who could not be enrolled."""
    faces, _ = sights.faces(seom, subject, "faces")
    names, chapter = sights.names(seom, subject, faces, "faces")
    assert not list(seom.galleries())
    if chapter is None:
        return names, []
    (rows,) = [part.rows for part in chapter.parts if isinstance(part, Listed)]
    assert 0 < len(rows) <= len(faces)
    return names, [part.text for part in chapter.parts if isinstance(part, Said)]


def test_people_of_an_album(seom: Client, data: Path, tmp_path: Path) -> None:
    faces = data / "images" / "faces"
    for person, name in (("Barack Obama", "obama.jpg"), ("Joe Biden", "biden.jpg")):
        (tmp_path / person).mkdir()
        (tmp_path / person / name).symlink_to(faces / name)
    names, refused = met(seom, yours(faces / "obama3.jpg", tmp_path))
    assert "Barack Obama" in names and "Joe Biden" not in names
    assert not refused


def test_several_people_without_an_album(seom: Client, data: Path) -> None:
    """One is half out of the picture; whoever cannot be enrolled is told of and left out."""
    names, refused = met(seom, yours(data / "images" / "faces" / "three_people.jpg", None))
    assert len(names) + len(refused) == 4
    assert len(names) >= 3
    assert len(set(names)) == len(names)


def test_nobody(seom: Client, data: Path) -> None:
    assert met(seom, yours(data / "images" / "objects" / "coffee.png", None)) == ((), [])
