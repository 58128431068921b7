"""Pixels to the picture that was asked for: its size, and the bytes of a file."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serving.models.synthesis.types import Encoding

Pixels = NDArray[np.uint8]

# PNG's filters find most of what there is in a photograph; harder deflating costs several
# times the time for some hundredths of the bytes.
_SAVING: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 1},
    "jpeg": {"subsampling": "4:2:0"},
    "webp": {"method": 2},
}


def resized(pixels: Pixels, size: int) -> Pixels:
    """(s, s, c) uint8 → (size, size, c): means of whole blocks where they fit, else Lanczos."""
    side = len(pixels)
    if size in (0, side):
        return pixels
    image = _image(pixels)
    if side % size == 0:
        image = image.reduce(side // size)
    else:
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(size, size, -1)


def encoded(pixels: Pixels, encoding: Encoding) -> bytes:
    """(h, w, c) uint8 → a PNG, JPEG or WebP file."""
    options = dict(_SAVING[encoding.format])
    if encoding.format != "png":
        options["quality"] = encoding.quality
    file = io.BytesIO()
    _image(pixels).save(file, encoding.format.upper(), **options)
    return file.getvalue()


def _image(pixels: Pixels) -> Image.Image:
    """Of one channel or three."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
