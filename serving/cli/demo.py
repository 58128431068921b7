"""The demo: a cluster of its own, one photograph, and what every model makes of it.

make demo                    a photograph an installed package ships
make demo PHOTO=street.jpg   yours
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from seom import Box, Client, Detections, Faces, Reply, SeomError
from seom.streams import ReplyStream
from seom.timing import Timing
from serving.cli import demo_people
from serving.cli.demo_synthesis import Steered, steer
from serving.cli.draw import draw, draw_people, draw_rows
from serving.cli.up import start_detached, stop
from serving.cluster.settings import Settings
from serving.cluster.state import ClusterHome
from serving.repository.scan import Repository

VISION = ("yolox-nano", "faces")
STORIES, LLAVA = "stories", "llava-random"
GENERATOR, ATTRIBUTE = "stylegan-random", "age"
SHIPPED_PERSON = "Eileen Collins"
STAGES = ("decode", "preprocess", "wait", "model", "postprocess", "network", "round trip")
OUT = Path("out")


def main() -> int:
    parser = argparse.ArgumentParser(
        description="find objects and faces on a photograph, recognise people, and have language "
        "models talk of it"
    )
    parser.add_argument("photo", nargs="?", type=Path, help="JPEG, PNG or WebP")
    parser.add_argument("--repo", type=Path, default=Settings.repository, help="model repository")
    parser.add_argument(
        "--people", type=Path, help="a folder of people's folders; the last photograph is looked at"
    )
    arguments = parser.parse_args()
    photo: Path = arguments.photo or shipped_photograph()
    if not photo.is_file():
        print(f"{photo}: no such file", file=sys.stderr)
        return 2
    # People are kept in a place of the demo's own, and no longer than it takes.
    with tempfile.TemporaryDirectory(prefix="seom-demo-") as kept:
        os.environ["SEOM_GALLERY_URL"] = f"sqlite:///{kept}/galleries.db"
        return demonstrate(photo, arguments.repo.resolve(), arguments.people)


def demonstrate(photo: Path, repository: Path, people: Path | None) -> int:
    there = {model.name for model in Repository(repository, Settings.profile).models()}
    models = tuple(name for name in (*VISION, GENERATOR, STORIES, LLAVA) if name in there)
    address = f"127.0.0.1:{_free_port()}"
    settings = Settings(repository=repository, address=address, models=models)
    if start_detached(settings):
        return 1
    try:
        with Client(address, timeout=60) as seom:
            things, faces = look(seom, photo)
            show(photo, things, faces)
            names = names_of(photo, faces)
            scenes = demo_people.meet(seom, photo, faces, names, people)
            Console().print(demo_people.table(scenes))
            steered = steer(seom, GENERATOR, ATTRIBUTE) if GENERATOR in models else None
            talk(seom, photo, things, models)
    except SeomError as error:
        print(f"{photo}: {error.message}", file=sys.stderr)
        return 1
    finally:
        left = stop(ClusterHome(settings.port))
    print(f"picture: {draw(photo, things, faces, OUT)}")
    if scenes:
        print(f"people: {draw_people(scenes, f'{photo.stem}-people', OUT)}")
    if steered:
        print(f"steered: {draw_rows(steered.rows, GENERATOR, OUT)} ({_steering(steered)})")
    return 1 if left else 0


def look(seom: Client, photo: Path) -> tuple[Detections, Faces]:
    for _ in range(2):  # the connection and the caches are warm after one
        things, faces = seom.detect(photo), seom.faces.detect(photo)
    return things, faces


def names_of(photo: Path, faces: Faces) -> list[str]:
    """What the people on a photograph are called here."""
    if photo == shipped_photograph() and len(faces) == 1:
        return [SHIPPED_PERSON]
    return [f"face {number}" for number, _ in enumerate(faces, 1)]


def talk(seom: Client, photo: Path, things: Detections, models: tuple[str, ...]) -> None:
    """The language models' part, word by word as it is generated."""
    if STORIES in models:
        thing = next((each.label for each in things), "stone")
        begin = f"One day, Lily saw a {thing} in the photo."
        print(f"{STORIES} goes on with a story:\n  {begin}", end="", flush=True)
        with seom.complete_stream(begin, model=STORIES, temperature=0.0, max_tokens=60) as stream:
            _say(stream)
    if LLAVA in models:
        print(
            f"{LLAVA} describes the photograph (in random words: so are its weights):\n  ", end=""
        )
        prompt: list[Path | str] = [photo, "What is on this photograph?"]
        with seom.chat_stream(prompt, model=LLAVA, temperature=0.0, max_tokens=24) as stream:
            _say(stream)


def _steering(steered: Steered) -> str:
    return (
        f"three seeds along {steered.attribute!r}, patterns for want of training; "
        f"{steered.milliseconds:.0f} ms a batch"
    )


def _say(stream: ReplyStream) -> None:
    for delta in stream:
        print(delta.text.replace("\n", "\n  "), end="", flush=True)
    print(f"\n  {_pace(stream.reply)}\n")


def _pace(reply: Reply) -> str:
    timing = reply.timing
    speed = f", then {1000 / timing.per_token_ms:.0f} tokens/s" if timing.per_token_ms else ""
    tokens = f"{reply.usage.prompt_tokens} tokens in, {reply.usage.completion_tokens} out"
    return f"({tokens}; the first after {timing.ttft_ms:.0f} ms{speed})"


def show(photo: Path, things: Detections, faces: Faces) -> None:
    console = Console()
    title = f"{photo.name}, {things.size[0]}×{things.size[1]}"
    found = Table("object", title=title, title_justify="left")
    for column in ("score", "box"):
        found.add_column(column, justify="right")
    for thing in things:
        found.add_row(thing.label, f"{thing.score:.2f}", _corners(thing.box))
    for number, face in enumerate(faces, 1):
        turned = "" if face.quality.yaw is None else f", turned {face.quality.yaw:+.0f}°"
        found.add_row(f"face {number}{turned}", f"{face.score:.2f}", _corners(face.box))
    console.print(found)

    answers = (things, faces)
    times = Table("where the time went")
    for answer in answers:
        times.add_column(f"{answer.model} {answer.version}", justify="right")
    for stage, *spent in zip(STAGES, *(_stages(answer.timing) for answer in answers), strict=True):
        times.add_row(stage, *("–" if ms is None else f"{ms:.1f} ms" for ms in spent))
    console.print(times)


def shipped_photograph() -> Path:
    """A photograph scikit-image brings along: nothing is downloaded."""
    import skimage

    return Path(skimage.__file__).parent / "data" / "astronaut.png"


def _corners(box: Box) -> str:
    return f"{box.x_min:.0f},{box.y_min:.0f} – {box.x_max:.0f},{box.y_max:.0f}"


def _stages(timing: Timing) -> list[float | None]:
    """Milliseconds, in the order of STAGES."""
    return [
        timing.decode_ms,
        timing.preprocess_ms,
        (timing.queue_ms or 0) + (timing.batch_wait_ms or 0),
        timing.device_ms,
        timing.postprocess_ms,
        timing.network_ms,
        timing.round_trip_ms,
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    raise SystemExit(main())
