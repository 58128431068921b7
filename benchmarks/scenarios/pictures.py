"""JPEG files to send: a folder's, or made on the spot so that anyone can repeat a run."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 640, 480


def from_folder(folder: Path) -> list[bytes]:
    """The JPEG files of a folder by name; none gives an empty list."""
    return [path.read_bytes() for path in sorted(folder.glob("*.jp*g"))]


def synthetic(count: int = 8, seed: int = 1) -> list[bytes]:
    """Soft shapes under a little noise: as large and as slow to decode as photographs."""
    from PIL import Image

    random = np.random.Generator(np.random.PCG64(seed))
    made = []
    for _ in range(count):
        coarse = (random.random((18, 24, 3)) * 255).astype(np.uint8)
        soft = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        noisy = np.asarray(soft) + random.normal(0, 6, (HEIGHT, WIDTH, 3))
        file = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
        made.append(file.getvalue())
    return made
