"""Faces cut out upright and of one size, as ArcFace (Deng et al., 2019) has them.

The similarity that brings five landmarks closest to the template's is Umeyama's (1991)
least-squares solution. In the plane, with points as complex numbers, it is p ↦ a·p + b with
a = Σ conj(p − p̄)(t − t̄) / Σ |p − p̄|²: rotation and scale in one number, never a reflection.

Coordinates count pixels' centres as whole numbers. Values between pixels are bilinear, and
those outside the picture black, as in training. Faces larger than twice the template are
first brought below that by block means: reading single pixels of them would alias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Complex: TypeAlias = NDArray[np.complex128]

# x and y of the right eye, left eye, nose, right and left corner of the mouth at 112×112.
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TEMPLATE_SIDE = 112
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True, slots=True)
class Source:
    """One face where it is: `pixels` (h, w, 3) uint8 RGB, `landmarks` (5, 2) in them."""

    pixels: NDArray[np.uint8]
    landmarks: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Aligned:
    """Faces cut out.

    crops: (n, 3, side, side) float32 RGB, or (n, 1, side, side) grey, 0 to 255
    inside: (n, side, side) bool, where a crop shows the picture and not what is around it
    """

    crops: NDArray[np.float32]
    inside: NDArray[np.bool_]


def align(sources: Sequence[Source], side: int = TEMPLATE_SIDE, *, grey: bool = False) -> Aligned:
    """The crops of several faces, in order.

    Landmarks that no similarity brings onto the template (all in one point) give a black
    crop that is nowhere inside.
    """
    crops = np.zeros((len(sources), 1 if grey else 3, side * side), np.float32)
    inside = np.zeros((len(sources), side * side), bool)
    if sources:
        landmarks = np.stack([source.landmarks for source in sources])
        turns, shifts = similarities(landmarks, TEMPLATE * (side / TEMPLATE_SIDE))
        for index, source in enumerate(sources):
            turn = turns[index]
            # Beyond that the crop's pixels would be far apart on any picture.
            if np.isfinite(turn) and 1e-4 < abs(turn) < 1e4:
                places = _grid(side) * (1 / turn) - shifts[index] / turn
                crops[index], inside[index] = _sample(source.pixels, places, 1 / abs(turn), grey)
    return Aligned(
        crops.reshape(len(sources), 1 if grey else 3, side, side),
        inside.reshape(len(sources), side, side),
    )


def similarities(
    landmarks: NDArray[np.floating], template: NDArray[np.floating]
) -> tuple[Complex, Complex]:
    """a and b, (n,) complex128, of p ↦ a·p + b from (n, 5, 2) landmarks to the (5, 2) template.

    a is not finite where all five are one point.
    """
    points, targets = _complex(landmarks), _complex(template)
    middles = points.mean(axis=1)
    spread = points - middles[:, None]
    middle = targets.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        turns = (spread.conj() * (targets - middle)).sum(axis=1) / (np.abs(spread) ** 2).sum(axis=1)
        return turns, middle - turns * middles


def reduced(landmarks: NDArray[np.floating], factor: tuple[float, float]) -> NDArray[np.float32]:
    """Landmarks on a picture whose sides were multiplied by `factor` by taking means."""
    scale = np.array(factor)
    return ((landmarks + 0.5) * scale - 0.5).astype(np.float32)


def _sample(
    pixels: NDArray[np.uint8], places: Complex, spacing: float, grey: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(c, h · w) values at `places`, (h · w,), which are `spacing` pixels apart, and which of
    them are inside."""
    height, width, _ = pixels.shape
    x, y = places.real, places.imag
    # What bilinear weights leave of a value next to the black outside.
    covered = _covered(x, width) * _covered(y, height)
    inside = covered > 1 - 1e-6

    # Only the face's surroundings are looked at: a few more pixels than it covers.
    factor = max(1, int(spacing))
    left, right = _extent(x, width, 2 * factor)
    top, bottom = _extent(y, height, 2 * factor)
    region = pixels[top:bottom, left:right]
    if not region.size:
        return np.zeros((1 if grey else 3, len(x)), np.float32), inside
    x, y = x - left, y - top
    if factor > 1:
        region = np.asarray(Image.fromarray(region).reduce(factor))
        x, y = (x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5

    high, wide, _ = region.shape
    flat = region.reshape(-1, 3).T.astype(np.float32)
    values = LUMA @ flat if grey else flat
    values = np.ascontiguousarray(values).reshape(-1, high * wide)
    x, y = np.clip(x, 0, wide - 1), np.clip(y, 0, high - 1)
    column, row = x.astype(np.intp), y.astype(np.intp)
    across, down = (x - column).astype(np.float32), (y - row).astype(np.float32)
    first = row * wide + column
    second = first + (column < wide - 1)
    upper = _between(values.take(first, axis=1), values.take(second, axis=1), across)
    below = np.where(row < high - 1, wide, 0)
    first += below
    second += below
    lower = _between(values.take(first, axis=1), values.take(second, axis=1), across)
    crop = _between(upper, lower, down)
    if not inside.all():
        crop *= covered.astype(np.float32)
    return crop, inside


def _covered(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """1 on pixels 0 to size − 1, falling to 0 one pixel further out."""
    covered: NDArray[np.float64] = np.clip(np.minimum(values + 1, size - values), 0, 1)
    return covered


def _between(
    one: NDArray[np.float32], other: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """one + (other − one) · share, in the memory of `other`."""
    other -= one
    other *= share
    other += one
    return other


def _extent(values: NDArray[np.float64], size: int, margin: int) -> tuple[int, int]:
    low, high = np.clip([values.min() - margin, values.max() + margin + 1], 0, size)
    return int(low), int(np.ceil(high))


@lru_cache(maxsize=4)
def _grid(side: int) -> Complex:
    y, x = np.mgrid[0:side, 0:side]
    return (x + 1j * y).ravel()


def _complex(points: NDArray[np.floating]) -> Complex:
    result: Complex = points[..., 0].astype(np.float64) + 1j * points[..., 1]
    return result
