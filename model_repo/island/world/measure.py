"""A ruler for portraits: how far eyes and mouth are open and where the head turns, from pixels.

It knows the portrait's framing and that skin is one colour; it uses no truth and nothing
learned, so that it can judge pictures a generator made.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from model_repo.island.world.portraits import MIDDLE, UNIT

_FINE: Final = 192  # smaller portraits are enlarged to this, so that columns are narrow enough


@dataclass(frozen=True, slots=True)
class Measured:
    """Increasing with the factors of `Expression`; eyes and mouth in halves of a face's height,
    turn in halves of a face's width. Scales are the ruler's own: compare ranks or differences."""

    eyes: float
    mouth: float
    turn: float


def measure(image: np.ndarray) -> Measured:
    """Measure a portrait, RGB uint8 [size, size, 3] of at least 48 × 48 pixels.

    ValueError where the picture is not of that form.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.shape[0] != image.shape[1]:
        raise ValueError(f"image must be [size, size, 3], not {list(image.shape)}")
    if image.dtype != np.uint8 or image.shape[0] < 48:
        raise ValueError("image must be uint8 and at least 48 pixels wide")
    if image.shape[0] < _FINE:
        larger = Image.fromarray(image).resize((_FINE, _FINE), Image.Resampling.BICUBIC)
        image = np.asarray(larger)
    face = _Face(image)
    eyes = face.middle(face.eye, (-0.2, 0.2), 0.85)
    lips = face.middle(face.lip, (0.44, 0.84), 0.62)
    turn = (eyes + lips) / (2 * face.width)
    columns = [face.eye_column(turn, side) for side in (-1, 1)]
    left, right = (face.opening(face.eye, column, (-0.3, 0.24), -0.04) for column in columns)
    mouth = face.opening(face.lip, lips, (0.4, 0.98), 0.54)
    return Measured((left + right) / 2, mouth, turn)


class _Face:
    """A portrait in the face's own coordinates, and what in it can be an eye or a mouth.

    `eye` marks what is much whiter or much darker than skin, `lip` what is much redder;
    both lie within 0 and 1 for each pixel.
    """

    def __init__(self, image: np.ndarray) -> None:
        size = image.shape[0]
        grid = (np.arange(size) + 0.5) / size
        self.xs = (grid - MIDDLE[0]) / UNIT
        self.ys = (grid - MIDDLE[1]) / UNIT
        red, green, blue = np.moveaxis(image.astype(np.float64) + 1.0, 2, 0)
        cheeks = np.ix_(_between(self.ys, 0.02, 0.5), _between(self.xs, -0.56, 0.56))
        skin_red, skin_green, skin_blue = (float(np.median(c[cheeks])) for c in (red, green, blue))
        middle = np.ix_(_between(self.ys, -0.3, 0.2), _between(self.xs, -0.6, 0.6))
        brightest = max(float(blue[middle].max()), skin_blue * 1.2, 200.0)
        white = (blue - skin_blue) / (brightest - skin_blue)
        dark = (0.84 - red / skin_red) / 0.3
        cool = (green / red * skin_red / skin_green - 1.25) / 0.3
        self.eye = np.clip(np.maximum(np.maximum((white - 0.25) / 0.4, dark), cool), 0.0, 1.0)
        redness = red / (green + 8) * (skin_green + 8) / skin_red
        self.lip = np.clip((redness - 1.22) / 0.4, 0.0, 1.0)
        other = np.abs(red - skin_red) + np.abs(green - skin_green) + np.abs(blue - skin_blue)
        self.width = self._half_width(other / (skin_red + skin_green + skin_blue))

    def _half_width(self, other: np.ndarray) -> float:
        """From the middle to where skin ends, on rows below the eyes and above the mouth."""
        rows = other[_between(self.ys, 0.33, 0.41)].mean(axis=0)
        edges = []
        for sign in (-1, 1):
            outside = (rows > 0.2) & (self.xs * sign > 0.55)
            edges.append(float((self.xs[outside] * sign).min()) if outside.any() else 1.0)
        return min(max(sum(edges) / 2, 0.66), 1.02)

    def middle(self, cover: np.ndarray, rows: tuple[float, float], reach: float) -> float:
        """The mean column of what is covered between two rows, within `reach` half-widths."""
        limit = reach * self.width
        return self._mean(cover, rows, -limit, limit, 0.0)

    def eye_column(self, turn: float, side: int) -> float:
        """The column of one eye: where the turn puts it, then where its own middle is."""
        yaw = min(max(turn / 0.22, -1.0), 1.0)
        guess = self.width * (side * 0.45 * (1 - 0.14 * yaw * yaw) + 0.24 * yaw)
        return self._mean(self.eye, (-0.2, 0.12), guess - 0.13, guess + 0.13, guess)

    def _mean(
        self, cover: np.ndarray, rows: tuple[float, float], low: float, high: float, default: float
    ) -> float:
        columns = _between(self.xs, low, high)
        weight = cover[np.ix_(_between(self.ys, *rows), columns)].sum(axis=0)
        total = float(weight.sum())
        return float((weight * self.xs[columns]).sum()) / total if total > 0 else default

    def opening(
        self, cover: np.ndarray, column: float, rows: tuple[float, float], row: float
    ) -> float:
        """The height of the covered patch nearest to (column, row), without breaks.

        Of five neighbouring columns the middling one counts, since a spectacle frame may run
        through some.
        """
        inside = _between(self.ys, *rows)
        heights = sorted(self._run(cover, inside, column + dx, row) for dx in _NEIGHBOURS)
        return heights[2]

    def _run(self, cover: np.ndarray, inside: np.ndarray, column: float, row: float) -> float:
        strip = _between(self.xs, column - 0.045, column + 0.045)
        if not len(strip):
            return 0.0
        profile = cover[np.ix_(inside, strip)].mean(axis=1)
        near = profile - 0.6 * np.abs(self.ys[inside] - row)
        first = last = int(np.argmax(near))
        while first > 0 and profile[first - 1] > 0.25:
            first -= 1
        while last < len(profile) - 1 and profile[last + 1] > 0.25:
            last += 1
        step = float(self.ys[1] - self.ys[0])
        return float(profile[max(0, first - 1) : last + 2].sum()) * step


_NEIGHBOURS = (-0.08, -0.04, 0.0, 0.04, 0.08)


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.flatnonzero((values >= low) & (values <= high))
