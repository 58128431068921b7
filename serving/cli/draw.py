"""A photograph with what was found on it drawn in."""

from __future__ import annotations

import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from seom import Box, Detections, Faces

_COLOURS = ("#e4572e", "#17bebb", "#ffc914", "#76b041", "#8f5fd1", "#2e86ab")
_FACE = "#ffffff"


def draw(photo: Path, things: Detections, faces: Faces, out: Path) -> Path:
    """Writes a PNG into `out`; returns its path."""
    picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
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
    out.mkdir(exist_ok=True)
    target = out / f"{photo.stem}-{time.strftime('%H%M%S')}.png"
    picture.save(target)
    return target


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
