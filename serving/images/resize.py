"""Resizing pixels to what a network takes: plain NumPy, planes in the order wanted.

Three ways, because networks differ in what they were trained on, and scores with them (by
up to 0.07 between the first two):

    bilinear   between the two nearest pixels, never smoothing; shrinking leaves pixels out
    area       the mean of what each new pixel covers when shrinking, bilinear otherwise
    triangle   Pillow's bilinear, a filter that widens with the shrinking

The first agrees with the textbook's float64 version to half a grey level, the second to one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Filter: TypeAlias = Literal["bilinear", "area", "triangle"]
Taps: TypeAlias = tuple[NDArray[np.intp], NDArray[np.float32]]


def resize(
    pixels: NDArray[np.uint8],
    width: int,
    height: int,
    *,
    planes: tuple[int, int, int] = (0, 1, 2),
    filter: Filter = "bilinear",
) -> NDArray[np.float32]:
    """(height, 3, width) float32 between 0 and 255, of (h, w, 3) uint8.

    planes: which channel of `pixels` comes first, second, third: (2, 1, 0) swaps RGB and BGR
    """
    old_height, old_width, _ = pixels.shape
    if (old_width, old_height) == (width, height):
        return pixels[:, :, planes].transpose(0, 2, 1).astype(np.float32)
    if filter == "triangle":
        image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image, np.float32)[:, :, planes].transpose(0, 2, 1)
    if filter == "area":
        pixels = _reduced(pixels, width, height)
        old_height, old_width, _ = pixels.shape

    # Rows first, in 16-bit fixed point; then columns, where one gather of single values
    # picks the neighbours and changes the order of the channels at once.
    index, weight = _taps(old_height, height, filter)
    steps = _in_256ths(weight)[:, :, None]
    flat = pixels.reshape(old_height, old_width * 3)
    rows = flat[index[0]] * steps[0]
    for near, step in zip(index[1:], steps[1:], strict=True):
        rows += flat[near] * step  # in all 255 · 256 at most, which 16 bits hold

    index, weight = _taps(old_width, width, filter)
    first = np.array(planes)[:, None]
    result = np.zeros((height, 3 * width), np.float32)
    for near, share in zip(index, weight * np.float32(1 / 256), strict=True):
        part = np.take(rows, (near * 3 + first).ravel(), axis=1, mode="clip").astype(np.float32)
        part *= np.tile(share, 3)
        result += part
    return result.reshape(height, 3, width)


def _reduced(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Block means by whole factors, so that less than a halving is left to do."""
    factors = max(1, pixels.shape[1] // width), max(1, pixels.shape[0] // height)
    if factors == (1, 1):
        return pixels
    return np.asarray(Image.fromarray(pixels).reduce(factors))


@lru_cache(maxsize=64)
def _taps(old: int, new: int, filter: Filter) -> Taps:
    """For each new pixel the old ones it is made of, and their shares: two (k, new) arrays."""
    if filter == "area" and new < old:
        edges = np.arange(new + 1) * (old / new)
        low, high = edges[:-1], edges[1:]
        index = np.floor(low).astype(np.intp) + np.arange(int(np.ceil(old / new)) + 1)[:, None]
        covered = np.minimum(index + 1, high) - np.maximum(index, low)
        share = np.maximum(covered, 0) * (new / old)
        return np.minimum(index, old - 1), share.astype(np.float32)
    place = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    first = np.floor(place).astype(np.intp)
    second = np.minimum(first + 1, old - 1)
    return (
        np.stack([first, second]),
        np.stack([first + 1 - place, place - first]).astype(np.float32),
    )


def _in_256ths(shares: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Shares as whole numbers that add up to 256, the second taking what rounding leaves."""
    steps = np.rint(shares * 256).astype(np.int32)
    steps[1] += 256 - steps.sum(axis=0)
    return steps.astype(np.uint16)
