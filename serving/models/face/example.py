"""Pictures of drawn faces, which detectors take for real ones: for warm-up and tests."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serving.images.picture import Picture

_SIZE = (320, 256)


def drawn(seed: int, faces: int = 1) -> Picture:
    """A JPEG of 320×256 with `faces` heads beside each other; others for other seeds."""
    random = np.random.default_rng(seed)
    width, height = _SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pixels = np.stack([90 + x / 8, 110 + y / 8, 130 - x / 8], axis=2)
    for index in range(faces):
        centre_x = width * (index + 0.5) / faces + random.uniform(-8, 8)
        centre_y = height / 2 + random.uniform(-10, 10)
        size = min(60, 0.4 * width / faces) * random.uniform(0.85, 1.15)
        _head(pixels, (x - centre_x) / size, (y - centre_y) / size, random)
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=95)
    return Picture(encoded=file.getvalue())


def _head(
    pixels: NDArray[np.float32],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    random: np.random.Generator,
) -> None:
    """Paints one; x and y are zero at its middle and 1 at its ears."""
    skin = np.array([225, 175, 145]) * random.uniform(0.75, 1.05)
    hair = np.array([60, 40, 30]) * random.uniform(0.6, 1.6)
    lips = skin * [0.75, 0.5, 0.5]

    _paint(pixels, hair, x / 1.12, (y + 0.12) / 1.42)
    light = (1 - 0.25 * x**2 - 0.1 * (x + y) / 2)[..., None]
    _paint(pixels, skin * light, x, y / 1.3)
    for side in (-1, 1):
        _paint(pixels, skin * 0.8, (x - side * 0.42) / 0.3, (y + 0.18) / 0.2)
        _paint(pixels, np.array([240, 240, 235]), (x - side * 0.42) / 0.2, (y + 0.18) / 0.09)
        _paint(pixels, hair * 0.6, (x - side * 0.42) / 0.095, (y + 0.18) / 0.095)
        _paint(pixels, hair, (x - side * 0.42) / 0.28, (y + 0.42) / 0.06)
        _paint(pixels, skin * 0.55, (x - side * 0.1) / 0.07, (y - 0.3) / 0.05)
    _paint(pixels, skin * 0.85, (x - 0.09) / 0.1, (y - 0.05) / 0.28)
    _paint(pixels, lips, x / 0.36, (y - 0.66) / 0.12)
    _paint(pixels, lips * 0.6, x / 0.34, (y - 0.66) / 0.025)


def _paint(
    pixels: NDArray[np.float32],
    colour: NDArray[np.floating],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
) -> None:
    """An ellipse, x² + y² < 1, with a soft edge."""
    share = np.clip((1 - x**2 - y**2) * 4, 0, 1)[..., None]
    pixels += (colour - pixels) * share
