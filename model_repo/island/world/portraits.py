"""Portraits: one head alone, framed for the face generator or aligned for the embedder."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from model_repo.island.world.canvas import Canvas, Pen, Point
from model_repo.island.world.dice import Dice
from model_repo.island.world.faces import FaceTruth, Head, draw_head
from model_repo.island.world.hair import back_hair
from model_repo.island.world.palette import SHIRTS, mix, shade
from model_repo.island.world.people import Expression, Identity

# Where ArcFace (Deng et al. 2019) puts the five landmarks, as shares of a 112-pixel square.
TEMPLATE: Final[tuple[Point, ...]] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
UNIT: Final = 0.31  # half a face's height in a portrait, as a share of the picture
MIDDLE: Final = (0.5, 0.545)
_WALLS: Final = (
    (178, 212, 226),
    (238, 214, 178),
    (196, 220, 182),
    (226, 198, 216),
    (206, 206, 222),
)

Framing = Literal["portrait", "aligned"]


@dataclass(frozen=True, slots=True)
class Portrait:
    """image is RGB uint8 [size, size, 3]."""

    image: np.ndarray
    who: Identity
    how: Expression
    truth: FaceTruth


def face(
    who: Identity,
    how: Expression,
    size: int = 64,
    *,
    seed: int = 0,
    framing: Framing = "portrait",
    jitter: float = 0.0,
) -> Portrait:
    """Draw one head.

    "portrait" shows the head with its hair at a fixed place; "aligned" moves the five landmarks
    onto ArcFace's template by the least-squares similarity, as a recogniser sees a face.
    `seed` decides wall, shirt and light; `jitter` displaces the landmarks used for alignment
    by up to that many hundredths of the picture, as a detector's errors would.
    """
    dice = Dice(3, seed)
    canvas = Canvas(size, size, detail=4 if size < 100 else 3)
    pen = canvas.pen().at(0.0, 0.0, float(size))
    wall = dice.pick(_WALLS)
    pen.box(0, 0, 1, 1, wall)
    pen.oval(dice.between(0.3, 0.7), dice.between(0.2, 0.5), 0.6, 0.55, shade(wall, 125))
    shirt = SHIRTS[dice.pick(list(SHIRTS))]
    frame = pen.at(*MIDDLE, UNIT)
    light, warmth = dice.whole(82, 104), dice.whole(-2, 4)
    if framing == "aligned":
        frame = _aligned(pen, Head(who, how), jitter, dice)
    back_hair(frame, who, how.turn)
    _shoulders(frame, who, shirt)
    truth = draw_head(frame, who, how)
    image = canvas.finish().point(_light(light, warmth))
    return Portrait(np.asarray(image), who, how, truth)


def _aligned(pen: Pen, head: Head, jitter: float, dice: Dice) -> Pen:
    """The frame in which the head's landmarks fit the template best."""
    source = head.landmarks()
    spread = jitter / 100
    target = [
        (x / 112 + dice.between(-spread, spread), y / 112 + dice.between(-spread, spread))
        for x, y in TEMPLATE
    ]
    sx, sy = sum(p[0] for p in source) / 5, sum(p[1] for p in source) / 5
    tx, ty = sum(p[0] for p in target) / 5, sum(p[1] for p in target) / 5
    dot = cross = norm = 0.0
    for (x, y), (u, v) in zip(source, target, strict=True):
        x, y, u, v = x - sx, y - sy, u - tx, v - ty
        dot += x * u + y * v
        cross += x * v - y * u
        norm += x * x + y * y
    c, s = dot / norm, cross / norm
    k = pen.a
    shift_x, shift_y = tx - c * sx + s * sy, ty - s * sx - c * sy
    return Pen(pen.canvas, k * c, k * s, -k * s, k * c, k * shift_x, k * shift_y)


def _shoulders(pen: Pen, who: Identity, shirt: tuple[int, ...]) -> None:
    pen.blob([(-1.5, 2.6), (-1.3, 1.5), (-0.5, 1.22), (0.5, 1.22), (1.3, 1.5), (1.5, 2.6)], shirt)
    neck = mix(who.skin, (120, 60, 50), 26)
    pen.blob([(-0.32, 0.7), (0.32, 0.7), (0.4, 1.3), (0.0, 1.45), (-0.4, 1.3)], neck)


def _light(percent: int, warmth: int) -> list[int]:
    """A lookup table for each channel."""
    return [
        min(255, value * gain // 100)
        for gain in (percent + warmth, percent, percent - warmth)
        for value in range(256)
    ]
