"""Draws a head, and says exactly where its landmarks lie.

The frame's unit is half a face's height, its origin the face's middle, y downwards.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from model_repo.island.world.canvas import Box, Pen, Point, smooth
from model_repo.island.world.dice import Dice
from model_repo.island.world.hair import front_hair
from model_repo.island.world.palette import HAIRS, INK, WHITE, glass, mix, shade
from model_repo.island.world.people import Expression, Identity

_LIPS = ((196, 84, 84), (214, 70, 96), (176, 72, 70))
_MOUTH = (92, 18, 30)


@dataclass(frozen=True, slots=True)
class FaceTruth:
    """A drawn face: its box, and its landmarks in the order of ArcFace's five points.

    The order is the eye on the picture's left, the eye on its right, the tip of the nose, the
    mouth's left corner and its right. Pixels of the finished picture; the box is that of the
    face's outline, without hair and ears.
    """

    box: Box
    landmarks: tuple[Point, Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Head:
    """A person with an expression: where the points of the face lie under a turned head."""

    who: Identity
    how: Expression

    def place(self, x: float, y: float, forward: float = 0.0) -> Point:
        """The point (x, y) of the face seen from the front, `forward` of the surface."""
        turn, width = self.how.turn, self.who.width
        bulge = max(0.0, 1.0 - (x / width) * (x / width))
        return x * (1 - 0.14 * turn * turn) + turn * (0.3 * bulge + forward) * width, y

    def narrow(self, x: float) -> float:
        """How wide a small feature at `x` appears, against its width from the front."""
        turn = self.how.turn
        return 1 - 0.14 * turn * turn - 0.55 * turn * x / self.who.width

    def landmarks(self) -> tuple[Point, Point, Point, Point, Point]:
        who = self.who
        half = self.mouth_half()
        corner = who.mouth_height - 0.07 * self.how.smile
        return (
            self.place(-who.eye_gap, who.eye_height),
            self.place(who.eye_gap, who.eye_height),
            self.place(0.0, 0.27, 0.1),
            self.place(-half, corner),
            self.place(half, corner),
        )

    def mouth_half(self) -> float:
        return self.who.mouth_width * (0.9 + 0.2 * self.how.smile - 0.12 * self.how.mouth)

    def outline(self) -> list[Point]:
        who, turn = self.who, self.how.turn
        side = _half_outline(who.width, who.jaw, who.chin)
        points = [*side, *((-x, y) for x, y in reversed(side[1:-1]))]
        # The far side of a turned head is flatter, and the chin goes with the turn.
        return smooth(
            [
                (
                    x * (1 - 0.05 * turn * (x > 0) + 0.05 * turn * (x < 0))
                    + 0.1 * turn * (y > 0.5),
                    y,
                )
                for x, y in points
            ]
        )


@lru_cache(maxsize=512)
def _half_outline(width: float, jaw: float, chin: float) -> tuple[Point, ...]:
    return (
        (0.0, -1.0),
        (0.62 * width, -0.88),
        (0.96 * width, -0.45),
        (width, 0.08),
        (jaw * width, 0.58),
        (chin * width, 0.9),
        (0.0, 1.0),
    )


def draw_head(pen: Pen, who: Identity, how: Expression, face_mark: int = 0) -> FaceTruth:
    """Draw a head, over whose body and back hair it comes; the skin belongs to `face_mark`."""
    head = Head(who, how)
    _ears(pen, head)
    face = pen.marked(face_mark or pen.mark)
    outline = head.outline()
    _skin(face, head, outline)
    _cheeks(face, head)
    _nose(face, head)
    _mouth(face, head)
    for side in (-1, 1):
        _eye(face, head, side)
    front_hair(pen, who, how.turn)
    _brows(face, head)
    if who.glasses != "none":
        _glasses(face, head)
    a, b, c, d, e = (pen.where(x, y) for x, y in head.landmarks())
    corners = [pen.where(x, y) for x, y in outline]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return FaceTruth((min(xs), min(ys), max(xs), max(ys)), (a, b, c, d, e))


def _ears(pen: Pen, head: Head) -> None:
    who, turn = head.who, head.how.turn
    for side in (-1, 1):
        x = side * who.width * (1.0 - 0.12 * side * turn)
        pen.oval(x, 0.02, 0.15, 0.2, shade(who.skin, 88))
        pen.oval(x, 0.03, 0.08, 0.12, shade(who.skin, 74))
        if who.earrings:
            pen.oval(x, 0.25, 0.07, 0.07, (250, 206, 70))


def _skin(pen: Pen, head: Head, outline: list[Point]) -> None:
    who, turn = head.who, head.how.turn
    pen.polygon(outline, shade(who.skin, 86))
    shift = 0.05 * turn
    pen.polygon(
        [(x * 0.965 + shift * 0.3, y * 0.97 - 0.02) for x, y in outline], shade(who.skin, 94)
    )
    if who.beard:
        pen.polygon([p for p in outline if p[1] > 0.3], mix(HAIRS[who.hair], (72, 68, 72), 62))
        # The bare middle goes with the turn, so that the mouth never touches the beard.
        bare = 0.17 * turn * who.width
        chin = [(x * 0.8 + bare, y * 0.84) for x, y in outline if y > 0.2]
        pen.polygon(chin, who.skin)
        x0 = 0.84 * who.width
        pen.polygon([(-x0, -0.2), (x0, -0.2), (x0, 0.36), (-x0, 0.36)], who.skin)
    else:
        pen.polygon([(x * 0.9 + shift, y * 0.93 - 0.04) for x, y in outline], who.skin)


def _cheeks(pen: Pen, head: Head) -> None:
    who = head.who
    for side in (-1, 1):
        x, y = head.place(side * who.width * 0.58, 0.36)
        pen.oval(x, y, 0.17 * head.narrow(side * who.width * 0.58), 0.11, (240, 96, 90, 46))
        if who.freckles:
            dice = Dice(2, who.number, side + 1)
            for _ in range(6):
                fx = side * who.width * dice.between(0.3, 0.7)
                spot = head.place(fx, dice.between(0.26, 0.42))
                pen.oval(*spot, 0.032, 0.032, shade(mix(who.skin, (150, 70, 40), 40), 86))


def _nose(pen: Pen, head: Head) -> None:
    who, size = head.who, head.who.nose_size
    x, y = head.place(0.0, 0.27, 0.1)
    dark, light = shade(who.skin, 80), shade(who.skin, 112)
    if who.nose == "long":
        top = head.place(0.0, -0.1, 0.02)
        pen.blob([top, (x - 0.09 * size, y), (x, y + 0.08), (x + 0.09 * size, y)], dark)
        pen.oval(x - 0.01, y - 0.03, 0.05 * size, 0.1, light)
    elif who.nose == "wide":
        pen.oval(x, y + 0.01, 0.17 * size, 0.075, dark)
        pen.oval(x, y - 0.02, 0.1 * size, 0.065, light)
    else:
        pen.oval(x, y, 0.09 * size, 0.09 * size, dark)
        pen.oval(x - 0.015, y - 0.025, 0.055 * size, 0.05 * size, light)


def _mouth(pen: Pen, head: Head) -> None:
    who, how = head.who, head.how
    half, y = head.mouth_half(), who.mouth_height
    corner = y - 0.07 * how.smile
    lip = mix(who.skin, _LIPS[who.lips], 78)
    drop = 0.25 * how.mouth
    sag = 0.05 + 0.04 * how.smile

    def curve(middle: float, near: float) -> list[Point]:
        ends = ((-half, corner), (-half * 0.66, near), (0.0, middle), (half * 0.66, near))
        return smooth([head.place(*p) for p in (*ends, (half, corner))], closed=False)

    upper = curve(y - 0.045 + sag * 0.3, y - 0.05)
    lower = curve(y + sag + drop + 0.03, y + sag * 0.6 + drop * 0.82 + 0.03)
    pen.polygon(upper + lower[::-1], lip)
    upper = curve(y + 0.005 + sag * 0.5, y - 0.008)
    lower = curve(y + sag * 0.5 + 0.018 + drop, y + 0.008 + drop * 0.82)
    pen.polygon(upper + lower[::-1], _MOUTH)
    if how.mouth > 0.3:
        x, _ = head.place(0.0, 0.0)
        pen.oval(x, y + drop * 0.82 + 0.015, half * 0.42, drop * 0.2, (214, 88, 98))


def _eye(pen: Pen, head: Head, side: int) -> None:
    who = head.who
    x0 = side * who.eye_gap
    x, y = head.place(x0, who.eye_height)
    rx, full = who.eye_size * head.narrow(x0), who.eye_size * 1.06
    ry = full * head.how.eyes
    at = pen.at(x, y)
    if ry > 0.012:
        at.oval(0, 0, rx, ry, WHITE)
        gaze = 0.02 * head.how.turn
        for radius, colour in ((0.7, shade(who.iris, 55)), (0.58, who.iris), (0.42, (22, 18, 24))):
            at.polygon(_clipped(gaze, radius * rx, radius * full, rx, ry), colour)
        if head.how.eyes > 0.4:
            at.oval(gaze - 0.28 * rx, -0.32 * ry, 0.2 * rx, 0.2 * ry, WHITE)
    lid = [(k * rx * 1.06, -ry * math.sqrt(1 - k * k) + 0.03 * k * k) for k in _ACROSS]
    at.stroke(lid, 0.055, INK)


_ACROSS = (-1.0, -0.8, -0.4, 0.0, 0.4, 0.8, 1.0)


def _clipped(x: float, ax: float, ay: float, rx: float, ry: float) -> list[Point]:
    """An oval at (x, 0) of half-axes ax, ay, cut off by the eye's opening rx, ry."""
    upper: list[Point] = []
    for k in range(-8, 9):
        dx = k / 8
        px = min(max(x + ax * dx, -rx), rx)
        room = ry * math.sqrt(1 - (px / rx) * (px / rx))
        upper.append((px, -min(ay * math.sqrt(1 - dx * dx), room)))
    return upper + [(px, -py) for px, py in reversed(upper)]


def _brows(pen: Pen, head: Head) -> None:
    who = head.who
    colour = shade(HAIRS[who.hair], 74)
    y = who.eye_height - who.brow_lift
    for side in (-1, 1):
        ends = ((0.62, who.brow_tilt), (1.0, -0.03), (1.38, -who.brow_tilt))
        points = [head.place(side * (who.eye_gap + (k - 1.0) * 0.5), y + dy) for k, dy in ends]
        pen.stroke(smooth(points, closed=False), who.brow_thick, colour)


def _glasses(pen: Pen, head: Head) -> None:
    who, y = head.who, head.who.eye_height + 0.01
    inner: list[Point] = []
    r = min(0.3, who.eye_gap - 0.05)
    for side in (-1, 1):
        x0 = side * who.eye_gap
        x, _ = head.place(x0, y)
        rx = r * head.narrow(x0)
        if who.glasses == "round":
            pen.ring(x, y, rx, 0.28, 0.06, who.frame)
        else:
            for x1, y1, x2, y2 in ((-1, -1, 1, -1), (1, -1, 1, 1), (1, 1, -1, 1), (-1, 1, -1, -1)):
                ends = [(x + x1 * rx, y + y1 * 0.27), (x + x2 * rx, y + y2 * 0.27)]
                pen.stroke(ends, 0.06, who.frame)
        pen.stroke(
            [(x + side * rx, y - 0.06), head.place(side * who.width, y - 0.1)], 0.05, who.frame
        )
        inner.append((x - side * rx, y - 0.05))
    pen.stroke(inner, 0.06, who.frame)
    for x, y in inner:
        pen.oval(x, y, 0.03, 0.03, glass(who.frame, 255))
