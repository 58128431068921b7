"""The demo's made-up pictures: a row for each seed, along one attribute of the generator's."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from seom import Client, SynthesizedPicture

SEEDS = range(3)
STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Steered:
    """rows: one for each of SEEDS, a picture for each of STRENGTHS"""

    attribute: str
    rows: tuple[tuple[Image.Image, ...], ...]
    milliseconds: float


def steer(seom: Client, model: str, attribute: str) -> Steered:
    """Draws all seeds at all strengths; a call has one strength, and its seeds share batches."""
    columns: list[list[SynthesizedPicture]] = []
    for strength in STRENGTHS:
        pictures = seom.synthesize(
            seeds=SEEDS, model=model, attributes={attribute: strength}, psi=0.8
        )
        columns.append(list(pictures))
    rows = tuple(tuple(_opened(each) for each in row) for row in zip(*columns, strict=True))
    spent = [each.timing.device_ms or 0.0 for column in columns for each in column]
    return Steered(attribute, rows, sum(spent) / len(spent))


def sheet(rows: Sequence[Sequence[Image.Image]], cell: int = 192, gap: int = 6) -> Image.Image:
    """The rows as one picture."""
    width, height = len(rows[0]) * (cell + gap) - gap, len(rows) * (cell + gap) - gap
    made = Image.new("RGB", (width, height), "white")
    for y, row in enumerate(rows):
        for x, each in enumerate(row):
            made.paste(each.resize((cell, cell)), (x * (cell + gap), y * (cell + gap)))
    return made


def _opened(picture: SynthesizedPicture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data)).convert("RGB")
