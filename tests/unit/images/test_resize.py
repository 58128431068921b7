"""Resizing against slow and obvious versions of itself, in float64."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from serving.images.resize import resize

SIZES = [(640, 480), (50, 200), (64, 64), (3, 1), (129, 700), (200, 100)]


def picture(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def bilinear(values, old, new):
    """One axis: between the two nearest centres."""
    rows = []
    for i in range(new):
        place = min(max((i + 0.5) * old / new - 0.5, 0), old - 1)
        low = int(place)
        high = min(low + 1, old - 1)
        rows.append(values[low] * (1 - place + low) + values[high] * (place - low))
    return np.array(rows)


def area(values, old, new):
    """One axis: the mean of what each new pixel covers."""
    if new >= old:
        return bilinear(values, old, new)
    rows = []
    for i in range(new):
        low, high = i * old / new, (i + 1) * old / new
        shares = [max(0, min(j + 1, high) - max(j, low)) for j in range(old)]
        rows.append(sum(s * v for s, v in zip(shares, values, strict=True) if s) / sum(shares))
    return np.array(rows)


def expected(pixels, width, height, one_axis):
    values = one_axis(pixels.astype(float), pixels.shape[0], height)
    values = one_axis(values.transpose(1, 0, 2), pixels.shape[1], width)
    return values.transpose(1, 2, 0)  # height, channel, width


@pytest.mark.parametrize("size", SIZES)
def test_bilinear_is_the_textbooks(size):
    pixels = picture(*size)
    result = resize(pixels, 64, 48)
    assert result.shape == (48, 3, 64)
    assert result.dtype == np.float32
    assert np.abs(result - expected(pixels, 64, 48, bilinear)).max() <= 0.51


@pytest.mark.parametrize("size", [(100, 90), (65, 49), (127, 95), (64, 60), (30, 70), (20, 10)])
def test_area_takes_the_mean_of_what_a_pixel_covers(size):
    pixels = picture(*size)
    assert np.abs(resize(pixels, 64, 48, filter="area") - expected(pixels, 64, 48, area)).max() < 1


@pytest.mark.parametrize("size", [(128, 96), (192, 144), (640, 48 * 7)])
def test_area_by_whole_factors_is_the_mean_of_blocks(size):
    pixels = picture(*size)
    result = resize(pixels, 64, 48, filter="area")
    # Pillow's block means round the way they like.
    assert np.abs(result - expected(pixels, 64, 48, area)).max() < 0.6


def test_area_of_a_large_picture_goes_by_blocks_first():
    pixels = picture(300, 250)  # 4.7 and 5.2 times as large: blocks of 4×5, then means again
    blocks = np.asarray(Image.fromarray(pixels).reduce((4, 5)))
    result = resize(pixels, 64, 48, filter="area")
    assert np.abs(result - expected(blocks, 64, 48, area)).max() < 1


def test_area_of_a_large_picture_is_nearly_the_mean_of_what_a_pixel_covers():
    x, y = np.meshgrid(np.arange(300), np.arange(250))
    waves = np.stack([np.sin(x / 20), np.cos(y / 25), np.sin((x + y) / 30)], axis=2)
    pixels = np.uint8(127 + 120 * waves)
    result = resize(pixels, 64, 48, filter="area")
    assert np.abs(result - expected(pixels, 64, 48, area)).max() < 3


@pytest.mark.parametrize("filter", ["bilinear", "area"])
@pytest.mark.parametrize("size", [(64, 48), (100, 90), (10, 10)])
def test_planes_come_in_the_order_wanted(filter, size):
    pixels = picture(*size)
    rgb = resize(pixels, 64, 48, filter=filter)
    bgr = resize(pixels, 64, 48, planes=(2, 1, 0), filter=filter)
    assert np.array_equal(bgr, rgb[:, ::-1])
    assert not np.array_equal(bgr, rgb)


@pytest.mark.parametrize("filter", ["bilinear", "area"])
@pytest.mark.parametrize("level", [0, 1, 128, 255])
@pytest.mark.parametrize("size", [(91, 77), (64, 48), (1000, 3), (7, 5)])
def test_an_even_picture_stays_even(filter, level, size):
    pixels = np.full((size[1], size[0], 3), level, np.uint8)
    assert np.allclose(resize(pixels, 64, 48, filter=filter), level, atol=1e-3)
