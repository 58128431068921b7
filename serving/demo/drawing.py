"""Pictures with what was found on them drawn in, as PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from seom import Box, Detections, Faces, Identified

_COLOURS = ("#e4572e", "#17bebb", "#ffc914", "#76b041", "#8f5fd1", "#2e86ab")
_FACE = "#ffffff"


def with_things(picture: Image.Image, things: Detections) -> bytes:
    canvas = _Canvas(picture)
    for thing in things:
        colour = _COLOURS[thing.class_id % len(_COLOURS)]
        canvas.label(thing.box, f"{thing.label} {thing.score:.2f}", colour)
    return canvas.png()


def with_faces(picture: Image.Image, faces: Faces) -> bytes:
    """Boxes, and dots for the landmarks."""
    canvas = _Canvas(picture)
    for face in faces:
        canvas.label(face.box, f"face {face.score:.2f}", _FACE)
        for x, y in face.landmarks or ():
            canvas.dot(x, y)
    return canvas.png()


def with_people(picture: Image.Image, found: Identified) -> bytes:
    canvas = _Canvas(picture)
    known = sorted({face.person for face in found if face.person})
    for face in found:
        if face.person is None:
            canvas.label(face.box, "?", _FACE)
            continue
        colour = _COLOURS[known.index(face.person) % len(_COLOURS)]
        canvas.label(face.box, f"{face.person} {face.similarity:.2f}", colour)
    return canvas.png()


def sheet(rows: Sequence[Sequence[Image.Image]], cell: int = 128, gap: int = 4) -> bytes:
    """Rows of pictures as one."""
    width, height = len(rows[0]) * (cell + gap) - gap, len(rows) * (cell + gap) - gap
    made = Image.new("RGBA", (width, height))
    for y, row in enumerate(rows):
        for x, each in enumerate(row):
            made.paste(each.resize((cell, cell)), (x * (cell + gap), y * (cell + gap)))
    return _png(made)


class _Canvas:
    def __init__(self, picture: Image.Image) -> None:
        self._picture = picture.copy()
        self._draw = ImageDraw.Draw(self._picture)
        self._size = max(14, picture.width // 45)
        self._font = ImageFont.load_default(self._size)

    def label(self, box: Box, text: str, colour: str) -> None:
        draw = self._draw
        draw.rectangle((box.x_min, box.y_min, box.x_max, box.y_max), outline=colour, width=3)
        top = max(0.0, box.y_min - self._size - 6)
        frame = draw.textbbox((box.x_min + 4, top + 2), text, font=self._font)
        draw.rectangle((box.x_min, top, frame[2] + 4, frame[3] + 3), fill=colour)
        draw.text((box.x_min + 4, top + 2), text, fill="black", font=self._font)

    def dot(self, x: float, y: float) -> None:
        size = max(2, self._picture.width // 250)
        self._draw.ellipse((x - size, y - size, x + size, y + size), fill=_FACE)

    def png(self) -> bytes:
        return _png(self._picture)


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
