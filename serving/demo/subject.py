"""What the story is about: one photograph, and photographs by which its people are known."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

SEED: Final = 11_000_073  # of the island's photographs that no training saw
_FAMILY: Final = (4405, 4413, 4441)  # and of its people
_WIDTH, _PORTRAIT = 640, 192  # pixels
# Eyes, mouth, turn of the head and smile of the portraits by which somebody is enrolled.
_MOMENTS: Final = ((0.9, 0.0, 0.0, 0.6), (0.7, 0.4, -0.4, 0.8), (0.8, 0.1, 0.4, 0.3))
_MOST: Final = 16  # photographs of one person
_KINDS: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, slots=True)
class Subject:
    """photo and the album's pictures are JPEG, PNG or WebP files, as a client has them.

    album: by name, the photographs of everybody who shall be recognised
    """

    title: str
    photo: bytes
    album: Mapping[str, tuple[bytes, ...]]

    def picture(self) -> Image.Image:
        """The photograph as one looks at it, upright and in RGB."""
        return opened(self.photo)


def island(seed: int = SEED) -> Subject:
    """A photograph of a family on the island, drawn on the spot; the same for the same seed."""
    from model_repo.island.world import Expression, Identity, face, photograph

    family = [Identity.of(number) for number in _FAMILY]
    taken = photograph(seed, _WIDTH, family)
    album = {
        who.name: tuple(
            _encoded(face(who, Expression(*moment), _PORTRAIT, seed=number).image)
            for number, moment in enumerate(_MOMENTS)
        )
        for who in family
    }
    return Subject("the family on the island", taken.jpeg(92), album)


def yours(photo: Path, people: Path | None) -> Subject:
    """A photograph of one's own. people: of folders, each with a person's name and photographs
    of that person alone."""
    album = {}
    for person in sorted(people.glob("*/")) if people else ():
        files = [file for file in sorted(person.iterdir()) if file.suffix.lower() in _KINDS]
        album[person.name] = tuple(file.read_bytes() for file in files[:_MOST])
    return Subject(photo.name, photo.read_bytes(), album)


def opened(data: bytes) -> Image.Image:
    """A picture file upright and in RGB."""
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def _encoded(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92)
    return file.getvalue()
