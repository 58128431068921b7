"""Pictures that a generator made: their bytes, and how they become files and arrays.

Nothing is decoded here, so the SDK needs no imaging library.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seom.latents import Latent
from seom.looks import Format
from seom.timing import Timing

# Endings of file names, the usual one first.
ENDINGS: dict[Format, tuple[str, ...]] = {
    "png": (".png",),
    "jpeg": (".jpg", ".jpeg"),
    "webp": (".webp",),
    "raw": (".ppm", ".pgm", ".pnm"),
}
_PROMISED = {ending: format for format, endings in ENDINGS.items() for ending in endings}


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a generator.

    data: a PNG, JPEG or WebP file as `format` says, which `Client.detect` and the others
        take as it is; or, for "raw", height × width × channels bytes
    width, height: in pixels
    model, version: what made it
    """

    data: bytes = field(repr=False)
    format: Format
    width: int
    height: int
    model: str
    version: str
    timing: Timing = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the picture as a file: its bytes as they are, raw pixels as PPM or PGM.

        Raises ValueError for a name that ends as files of another format do, and OSError.
        """
        promised = _PROMISED.get(Path(path).suffix.lower(), self.format)
        if promised != self.format:
            raise ValueError(
                f"path: {Path(path).name!r} is no name for a picture that came as "
                f"{self.format}; ask for format={promised!r}, or end it in "
                f"{ENDINGS[self.format][0]}"
            )
        Path(path).write_bytes(self._netpbm() if self.format == "raw" else self.data)

    def array(self) -> NDArray[np.uint8]:
        """The pixels of a raw picture: (height, width, 3) RGB or (height, width) gray.

        uint8 and read-only. Raises ValueError for a picture that came as a file.
        """
        if self.format != "raw":
            raise ValueError(
                f"array: this picture came as a {self.format} file; ask for format='raw'"
            )
        shape = (self.height, self.width) if self._gray() else (self.height, self.width, 3)
        return np.frombuffer(self.data, np.uint8).reshape(shape)

    def _gray(self) -> bool:
        return len(self.data) == self.height * self.width

    def _netpbm(self) -> bytes:
        """A binary PPM or PGM file: the plainest there are, a line before the pixels."""
        kind = "P5" if self._gray() else "P6"
        return f"{kind} {self.width} {self.height} 255\n".encode() + self.data


@dataclass(frozen=True, slots=True)
class SynthesizedPicture(Picture):
    """A picture made from a seed or a latent.

    index: which of the seeds or latents it was made from
    seed: None if it was a latent
    latent: its place in W+ as it looks, attributes and all; None unless it was asked for
    timing: its round trip began with the call, and includes the pictures before it
    """

    index: int
    seed: int | None
    latent: Latent | None


@dataclass(frozen=True, slots=True)
class AnimationFrame(Picture):
    """A frame of an animation.

    number: which frame it is, from 0; numbers left out were late
    time: seconds since the first frame at which it is due
    dropped: how many frames were left out before this one, in all
    timing: of this frame alone, without a round trip
    """

    number: int
    time: float
    dropped: int
