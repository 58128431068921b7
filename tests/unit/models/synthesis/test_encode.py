"""Pixels to files: sizes, formats, quality."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from serving.models.synthesis.encode import encoded, resized
from serving.models.synthesis.types import Encoding


def picture(side: int = 64, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side]
    planes = [128 + 100 * np.sin(x / (5 + n) + y / 9) for n in range(channels)]
    return np.stack(planes, axis=2).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_loses_nothing(channels: int) -> None:
    pixels = picture(channels=channels)
    found = Image.open(io.BytesIO(encoded(pixels, Encoding("png"))))
    assert (found.format, found.mode) == ("PNG", "L" if channels == 1 else "RGB")
    np.testing.assert_array_equal(np.asarray(found).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_quality(format: str) -> None:
    pixels = picture()
    sizes, errors = [], []
    for quality in (10, 60, 100):
        file = encoded(pixels, Encoding(format, quality))
        found = Image.open(io.BytesIO(file))
        assert found.format == format.upper()
        sizes.append(len(file))
        errors.append(float(np.abs(np.asarray(found).astype(int) - pixels).mean()))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 4


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [1, 16, 32, 33, 63])
def test_sizes(channels: int, size: int) -> None:
    found = resized(picture(channels=channels), size)
    assert (found.shape, found.dtype) == ((size, size, channels), np.uint8)


def test_a_whole_part_is_the_mean_of_blocks() -> None:
    pixels = picture()
    means = pixels.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(resized(pixels, 16) - means).max() <= 0.5


@pytest.mark.parametrize("size", [0, 64])
def test_nothing_is_done_for_nothing(size: int) -> None:
    pixels = picture()
    assert resized(pixels, size) is pixels
