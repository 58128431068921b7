"""The demo: a cluster of its own, one photograph, the objects on it.

make demo                    a photograph an installed package ships
make demo PHOTO=street.jpg   yours
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps
from rich.console import Console
from rich.table import Table

from seom import Client, Detections, SeomError
from serving.cli.up import start_detached, stop
from serving.cluster.settings import Settings
from serving.cluster.state import ClusterHome

MODEL = "yolox-nano"
OUT = Path("out")
_COLOURS = ("#e4572e", "#17bebb", "#ffc914", "#76b041", "#8f5fd1", "#2e86ab")


def main() -> int:
    parser = argparse.ArgumentParser(description="find objects on a photograph")
    parser.add_argument("photo", nargs="?", type=Path, help="JPEG, PNG or WebP")
    photo: Path = parser.parse_args().photo or shipped_photograph()
    if not photo.is_file():
        print(f"{photo}: no such file", file=sys.stderr)
        return 2
    settings = Settings(address=f"127.0.0.1:{_free_port()}", models=(MODEL,))
    if start_detached(settings):
        return 1
    try:
        found = detect(settings.address, photo)
    except SeomError as error:
        print(f"{photo}: {error.message}", file=sys.stderr)
        return 1
    finally:
        left = stop(ClusterHome(settings.port))
    show(photo, found)
    print(f"picture: {draw(photo, found)}")
    return 1 if left else 0


def detect(address: str, photo: Path) -> Detections:
    with Client(address, timeout=30) as seom:
        seom.detect(photo)  # the connection and the caches are warm after one
        return seom.detect(photo)


def show(photo: Path, found: Detections) -> None:
    console, timing = Console(), found.timing
    table = Table(title=f"{photo.name}, {found.size[0]}×{found.size[1]}", title_justify="left")
    for column in ("object", "score", "box"):
        table.add_column(column, justify="left" if column == "object" else "right")
    for thing in found:
        box = thing.box
        corners = f"{box.x_min:.0f},{box.y_min:.0f} – {box.x_max:.0f},{box.y_max:.0f}"
        table.add_row(thing.label, f"{thing.score:.2f}", corners)
    console.print(table)
    stages = {
        "decode": timing.decode_ms,
        "preprocess": timing.preprocess_ms,
        "wait": (timing.queue_ms or 0) + (timing.batch_wait_ms or 0),
        "model": timing.device_ms,
        "postprocess": timing.postprocess_ms,
        "network": timing.network_ms,
        "round trip": timing.round_trip_ms,
    }
    title = f"where the time went ({found.model} {found.version})"
    times = Table(title=title, title_justify="left")
    for name in stages:
        times.add_column(name, justify="right")
    times.add_row(*(f"{ms:.1f} ms" if ms is not None else "–" for ms in stages.values()))
    console.print(times)


def draw(photo: Path, found: Detections) -> Path:
    """Writes the photograph with its boxes and names; returns where."""
    picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    canvas = ImageDraw.Draw(picture)
    size = max(14, picture.width // 45)
    font = ImageFont.load_default(size)
    for thing in found:
        colour = _COLOURS[thing.class_id % len(_COLOURS)]
        box = thing.box
        canvas.rectangle((box.x_min, box.y_min, box.x_max, box.y_max), outline=colour, width=3)
        text = f"{thing.label} {thing.score:.2f}"
        top = max(0.0, box.y_min - size - 6)
        frame = canvas.textbbox((box.x_min + 4, top + 2), text, font=font)
        canvas.rectangle((box.x_min, top, frame[2] + 4, frame[3] + 3), fill=colour)
        canvas.text((box.x_min + 4, top + 2), text, fill="black", font=font)
    OUT.mkdir(exist_ok=True)
    target = OUT / f"{photo.stem}-objects-{time.strftime('%H%M%S')}.png"
    picture.save(target)
    return target


def shipped_photograph() -> Path:
    """A photograph scikit-image brings along: nothing is downloaded."""
    import skimage

    return Path(skimage.__file__).parent / "data" / "coffee.png"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    raise SystemExit(main())
