"""Drawing: a supersampled canvas, and a pen that draws shapes in a frame of its own.

Every vertex is rounded to a whole supersampled pixel before Pillow fills the polygon, angles
come from a quantised table, and the reduction averages whole blocks: nothing that decides a
pixel depends on a machine's mathematical library.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from model_repo.island.world.palette import Colour

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom; right and bottom exclusive

_STEPS: Final = 192
# 1/16384 is coarse enough that two libraries' last bits never straddle a rounding.
_COS: Final = [round(math.cos(2 * math.pi * k / _STEPS) * 16384) / 16384 for k in range(_STEPS)]
_SIN: Final = [_COS[(k - _STEPS // 4) % _STEPS] for k in range(_STEPS)]


class Canvas:
    """A picture of `width` × `height` pixels, drawn `detail` times larger and averaged down.

    With `marks`, a second plane keeps which numbered thing each fine pixel shows.
    """

    def __init__(self, width: int, height: int, detail: int = 3, marks: bool = False) -> None:
        self.width, self.height, self.detail = width, height, detail
        size = (width * detail, height * detail)
        self.image = Image.new("RGB", size)
        self._draw = ImageDraw.Draw(self.image, "RGBA")
        self._marks = Image.new("L", size) if marks else None
        self._mark_draw = ImageDraw.Draw(self._marks) if self._marks else None
        self._reach: dict[int, tuple[int, int, int, int]] = {}

    def pen(self) -> "Pen":
        """A pen whose unit is one pixel of the finished picture."""
        fine = float(self.detail)
        return Pen(self, fine, 0.0, 0.0, fine, 0.0, 0.0)

    def fill(self, points: list[tuple[int, int]], colour: Colour, mark: int) -> None:
        self._draw.polygon(points, fill=colour)
        if mark and self._mark_draw is not None:
            self._mark_draw.polygon(points, fill=mark)
            xs = [x for x, _ in points]
            ys = [y for _, y in points]
            left, top, right, bottom = self._reach.get(mark, (xs[0], ys[0], xs[0], ys[0]))
            self._reach[mark] = (
                min(left, *xs),
                min(top, *ys),
                max(right, *xs),
                max(bottom, *ys),
            )

    def seen(self, *marks: int) -> tuple[int, Box | None]:
        """Fine pixels that show any of `marks` now, and their box in finished pixels."""
        reaches = [self._reach[m] for m in marks if m in self._reach]
        if self._marks is None or not reaches:
            return 0, None
        left = max(0, min(r[0] for r in reaches))
        top = max(0, min(r[1] for r in reaches))
        right = min(self._marks.width, max(r[2] for r in reaches) + 1)
        bottom = min(self._marks.height, max(r[3] for r in reaches) + 1)
        if left >= right or top >= bottom:
            return 0, None
        part = np.asarray(self._marks.crop((left, top, right, bottom)))
        shown = part == marks[0]
        for mark in marks[1:]:
            shown |= part == mark
        columns, rows = np.flatnonzero(shown.any(0)), np.flatnonzero(shown.any(1))
        if not len(columns):
            return 0, None
        fine = self.detail
        box = (
            (left + int(columns[0])) / fine,
            (top + int(rows[0])) / fine,
            (left + int(columns[-1]) + 1) / fine,
            (top + int(rows[-1]) + 1) / fine,
        )
        return int(shown.sum()), box

    def finish(self) -> Image.Image:
        """The picture at its own size, RGB."""
        return self.image.reduce(self.detail)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws on a canvas in an affine frame: fine x = a·x + c·y + e, fine y = b·x + d·y + f."""

    canvas: Canvas
    a: float
    b: float
    c: float
    d: float
    e: float
    f: float
    mark: int = 0

    def at(self, x: float, y: float, scale: float = 1.0, tilt: int = 0, wide: float = 1.0) -> "Pen":
        """A frame at (x, y), `scale` larger, turned clockwise by `tilt` 192nds of a turn.

        `wide` stretches it sideways; −1 mirrors it.
        """
        cos, sin = _COS[tilt % _STEPS] * scale, _SIN[tilt % _STEPS] * scale
        return replace(
            self,
            a=(self.a * cos + self.c * sin) * wide,
            b=(self.b * cos + self.d * sin) * wide,
            c=self.c * cos - self.a * sin,
            d=self.d * cos - self.b * sin,
            e=self.a * x + self.c * y + self.e,
            f=self.b * x + self.d * y + self.f,
        )

    def marked(self, mark: int) -> "Pen":
        """The same pen, whose shapes belong to the thing numbered `mark` (0: to nothing)."""
        return replace(self, mark=mark)

    def where(self, x: float, y: float) -> Point:
        """Where (x, y) of this frame lies, in finished pixels."""
        fine = self.canvas.detail
        return (
            (self.a * x + self.c * y + self.e + 0.5) / fine,
            (self.b * x + self.d * y + self.f + 0.5) / fine,
        )

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        a, b, c, d, e, f = self.a, self.b, self.c, self.d, self.e + 0.5, self.f + 0.5
        fine = [(math.floor(a * x + c * y + e), math.floor(b * x + d * y + f)) for x, y in points]
        self.canvas.fill(fine, colour, self.mark)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def blob(self, points: Sequence[Point], colour: Colour) -> None:
        """The smooth closed curve through `points`."""
        self.polygon(smooth(points), colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, tilt: int = 0) -> None:
        pen = self.at(x, y, 1.0, tilt) if tilt else self
        x, y = (0.0, 0.0) if tilt else (x, y)
        span = max(rx * (abs(self.a) + abs(self.b)), ry * (abs(self.c) + abs(self.d)))
        step = 16 if span < 8 else 8 if span < 40 else 4
        points = [(x + rx * _COS[k], y + ry * _SIN[k]) for k in range(0, _STEPS, step)]
        pen.polygon(points, colour)

    def ring(self, x: float, y: float, rx: float, ry: float, width: float, colour: Colour) -> None:
        """An oval's outline, `width` thick, centred on the oval; the middle stays open."""
        half = width / 2
        turns = [*range(0, _STEPS, 8), 0]
        outer = [(x + (rx + half) * _COS[k], y + (ry + half) * _SIN[k]) for k in turns]
        inner = [(x + (rx - half) * _COS[k], y + (ry - half) * _SIN[k]) for k in reversed(turns)]
        self.polygon(outer + inner, colour)

    def stroke(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line through `points`, `width` thick, with round ends."""
        half = width / 2
        left: list[Point] = []
        right: list[Point] = []
        for i, (x, y) in enumerate(points):
            x0, y0 = points[max(0, i - 1)]
            x1, y1 = points[min(len(points) - 1, i + 1)]
            dx, dy = x1 - x0, y1 - y0
            length = math.sqrt(dx * dx + dy * dy) or 1.0
            nx, ny = -dy / length * half, dx / length * half
            left.append((x + nx, y + ny))
            right.append((x - nx, y - ny))
        self.polygon(left + right[::-1], colour)
        for x, y in (points[0], points[-1]):
            self.oval(x, y, half, half, colour)


def smooth(points: Sequence[Point], closed: bool = True) -> list[Point]:
    """Points on the Catmull–Rom curve through `points`, four to a span."""
    count = len(points)
    result: list[Point] = []
    for i in range(count if closed else count - 1):
        if closed:
            p, q, r, s = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        else:
            p, q, r, s = (points[min(max(i + k, 0), count - 1)] for k in (-1, 0, 1, 2))
        result.append(q)
        for t in (0.25, 0.5, 0.75):
            u, v = t * t, t * t * t
            wp, wq = -t + 2 * u - v, 2 - 5 * u + 3 * v
            wr, ws = t + 4 * u - 3 * v, v - u
            result.append(
                (
                    (wp * p[0] + wq * q[0] + wr * r[0] + ws * s[0]) / 2,
                    (wp * p[1] + wq * q[1] + wr * r[1] + ws * s[1]) / 2,
                )
            )
    if not closed:
        result.append(points[-1])
    return result
