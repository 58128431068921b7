"""The demo: a cluster of its own, and what every model on it makes of one photograph.

make demo                    the family on the island, drawn on the spot
make demo PHOTO=street.jpg   yours
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from seom import Client, SeomError
from serving.cli.up import start_detached, stop
from serving.cluster.settings import DEFAULT_PROFILE, Settings
from serving.cluster.state import ClusterHome
from serving.demo import lora, page, sights, talk
from serving.demo.cast import Cast
from serving.demo.chapters import Chapter, Listed, Said, Shown
from serving.demo.subject import Subject, island, yours
from serving.repository.config import PROFILES
from serving.repository.scan import Repository

OUT = Path("out")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m serving.demo",
        description="Find and name the people on a photograph, list what is there, and have "
        "language models talk of it; the story lands in one HTML file.",
    )
    parser.add_argument("photo", nargs="?", type=Path, help="JPEG, PNG or WebP; else the island's")
    parser.add_argument("--repo", type=Path, default=Settings.repository, help="model repository")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        help="whose models; without it the reference models see the island, and real weights "
        "(cpu) a photograph of yours",
    )
    parser.add_argument(
        "--people", type=Path, help="a folder of people's folders with photographs of theirs"
    )
    arguments = parser.parse_args()
    photo: Path | None = arguments.photo
    if photo is not None and not photo.is_file():
        print(f"{photo}: no such file", file=sys.stderr)
        return 2
    subject = island() if photo is None else yours(photo, arguments.people)
    profile = arguments.profile or (DEFAULT_PROFILE if photo is None else "cpu")
    # People are kept in a place of the demo's own, and no longer than it takes.
    with tempfile.TemporaryDirectory(prefix="seom-demo-") as kept:
        os.environ["SEOM_GALLERY_URL"] = f"sqlite:///{kept}/galleries.db"
        return demonstrate(subject, arguments.repo.resolve(), profile)


def demonstrate(subject: Subject, repository: Path, profile: str) -> int:
    console, started = Console(), time.monotonic()
    cast = Cast.of(profile, {model.name for model in Repository(repository, profile).models()})
    settings = Settings(
        repository=repository,
        profile=profile,
        address=f"127.0.0.1:{_free_port()}",
        models=cast.models,
    )
    if start_detached(settings):
        return 1
    chapters: list[Chapter] = []
    try:
        with Client(settings.address, timeout=60) as seom:
            for chapter in story(seom, subject, cast):
                chapters.append(chapter)
                show(console, chapter)
    except SeomError as error:
        print(f"{subject.title}: {error.message}", file=sys.stderr)
        return 1
    finally:
        left = stop(ClusterHome(settings.port))
    file = OUT / f"story-{time.strftime('%H%M%S')}.html"
    page.write(f"A day of {subject.title}", chapters, time.monotonic() - started, file)
    console.print(f"the story with its pictures: {file.resolve()}", soft_wrap=True)
    return 1 if left else 0


def story(seom: Client, subject: Subject, cast: Cast) -> Iterator[Chapter]:
    """Chapter by chapter, each built on what the ones before have found."""
    yield Chapter("The photograph", [Shown(subject.photo, subject.title)])
    counted: dict[str, int] = {}
    names: tuple[str, ...] = ()
    if cast.things:
        found, chapter = sights.things(seom, subject, cast.things)
        counted = sights.counted(found)
        yield chapter
    if cast.people:
        faces, chapter = sights.faces(seom, subject, cast.people)
        yield chapter
        names, named = sights.names(seom, subject, faces, cast.people)
        if named:
            yield named
    if cast.seer:
        description, chapter = talk.description(seom, subject, cast.seer)
        yield chapter
        if cast.writer:
            yield talk.memo(seom, description, names, cast.writer)
    if cast.writer:
        yield talk.recipe(seom, counted, cast.writer)
        yield talk.calendar(seom, cast.writer)
        yield lora.answer(seom, cast.writer, cast.painter)
    if cast.painter:
        yield lora.sliders(seom, cast.painter)


def show(console: Console, chapter: Chapter) -> None:
    """What of a chapter a terminal can show."""
    console.print(f"\n[bold]{chapter.title}[/]")
    for part in chapter.parts:
        if isinstance(part, Said):
            console.print(f"{part.who}: {part.text}" if part.who else part.text, markup=False)
        elif isinstance(part, Listed):
            table = Table(*part.heads)
            for row in part.rows:
                table.add_row(*row)
            console.print(table)
        elif not part.small:
            console.print(f"({part.caption})", markup=False)
    for line in chapter.spent():
        console.print(line, style="dim", markup=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    raise SystemExit(main())
