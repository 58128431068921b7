"""Photographs with what was found on them drawn in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from seom import Box, Detections, Faces
from serving.cli.demo_people import Scene, opened
from serving.cli.demo_synthesis import sheet

_COLOURS = ("#e4572e", "#17bebb", "#ffc914", "#76b041", "#8f5fd1", "#2e86ab")
_FACE = "#ffffff"
_ROW = 512  # pixels: the height of pictures beside each other


def draw(photo: Path, things: Detections, faces: Faces, out: Path) -> Path:
    """Writes a PNG into `out`; returns its path."""
    picture = opened(photo)
    canvas = ImageDraw.Draw(picture)
    size = max(14, picture.width // 45)
    font = ImageFont.load_default(size)
    for thing in things:
        colour = _COLOURS[thing.class_id % len(_COLOURS)]
        _label(canvas, thing.box, f"{thing.label} {thing.score:.2f}", colour, font, size)
    dot = max(2, picture.width // 250)
    for face in faces:
        _label(canvas, face.box, f"face {face.score:.2f}", _FACE, font, size)
        for x, y in face.landmarks or ():
            canvas.ellipse((x - dot, y - dot, x + dot, y + dot), fill=_FACE)
    return _written(picture, photo.stem, out)


def draw_people(scenes: Sequence[Scene], stem: str, out: Path) -> Path:
    """Writes pictures beside each other, everybody's name in them, as a PNG into `out`."""
    seen = [scene.picture for scene in scenes]
    sizes = [(max(1, each.width * _ROW // each.height), _ROW) for each in seen]
    row = Image.new("RGB", (sum(width for width, _ in sizes), _ROW))
    canvas = ImageDraw.Draw(row)
    font, left = ImageFont.load_default(16), 0
    known = sorted({face.person for scene in scenes for face in scene.found if face.person})
    for scene, size in zip(scenes, sizes, strict=True):
        row.paste(scene.picture.resize(size), (left, 0))
        scale = _ROW / scene.picture.height
        for face in scene.found:
            box = _moved(face.box, scale, left)
            if face.person is None:
                _label(canvas, box, "?", _FACE, font, 16)
                continue
            colour = _COLOURS[known.index(face.person) % len(_COLOURS)]
            _label(canvas, box, f"{face.person} {face.similarity:.2f}", colour, font, 16)
        left += size[0]
    return _written(row, stem, out)


def draw_rows(rows: Sequence[Sequence[Image.Image]], stem: str, out: Path) -> Path:
    """Writes rows of pictures as a PNG into `out`."""
    return _written(sheet(rows), stem, out)


def _written(picture: Image.Image, stem: str, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    target = out / f"{stem}-{time.strftime('%H%M%S')}.png"
    picture.save(target)
    return target


def _moved(box: Box, scale: float, left: float) -> Box:
    return Box(
        left + scale * box.x_min, scale * box.y_min, left + scale * box.x_max, scale * box.y_max
    )


def _label(
    canvas: ImageDraw.ImageDraw,
    box: Box,
    text: str,
    colour: str,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    size: int,
) -> None:
    canvas.rectangle((box.x_min, box.y_min, box.x_max, box.y_max), outline=colour, width=3)
    top = max(0.0, box.y_min - size - 6)
    frame = canvas.textbbox((box.x_min + 4, top + 2), text, font=font)
    canvas.rectangle((box.x_min, top, frame[2] + 4, frame[3] + 3), fill=colour)
    canvas.text((box.x_min + 4, top + 2), text, fill="black", font=font)
