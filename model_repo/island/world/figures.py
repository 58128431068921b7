"""Draws a whole person: body, clothes, arms in an action, and the head on top."""

from typing import Final

from model_repo.island.world.canvas import Pen, Point
from model_repo.island.world.faces import FaceTruth, draw_head
from model_repo.island.world.hair import back_hair
from model_repo.island.world.palette import SHIRTS, Colour, shade
from model_repo.island.world.people import Expression, Identity

ACTIONS: Final = ("standing", "waving", "cheering", "holding")
FEET: Final = 4.75  # from the face's middle down to the ground, in halves of a face's height
_TROUSERS: Final[tuple[Colour, ...]] = ((64, 74, 110), (110, 84, 64), (70, 70, 76), (98, 118, 92))

# Elbow and hand of the arm on the picture's right; the other is its mirror image.
_DOWN: Final[tuple[Point, Point]] = ((1.06, 2.2), (1.0, 2.85))
_UP: Final[tuple[Point, Point]] = ((1.55, 1.2), (1.72, 0.25))
_FRONT: Final[tuple[Point, Point]] = ((1.1, 2.1), (0.42, 2.34))
HAND: Final[Point] = (0.0, 2.42)  # where a held thing stands


def draw_figure(
    pen: Pen,
    who: Identity,
    how: Expression,
    action: str,
    shirt: str,
    head_tilt: int,
    face_mark: int,
) -> FaceTruth:
    """Draw a person around the face's middle; the unit is half a face's height."""
    cloth, trousers = SHIRTS[shirt], _TROUSERS[who.number % len(_TROUSERS)]
    top = pen.at(0.0, 0.95, 1.0, head_tilt).at(0.0, -0.95)
    back_hair(top, who, how.turn)
    _legs(pen, trousers)
    torso = [
        (-0.82, 1.42),
        (0.0, 1.24),
        (0.82, 1.42),
        (0.78, 2.4),
        (0.72, 3.1),
        (-0.72, 3.1),
        (-0.78, 2.4),
    ]
    pen.blob(torso, shade(cloth, 84))
    pen.blob([(x * 0.93 - 0.05, (y - 2.2) * 0.95 + 2.17) for x, y in torso], cloth)
    pen.blob(
        [(-0.3, 0.75), (0.3, 0.75), (0.36, 1.3), (0.0, 1.46), (-0.36, 1.3)], shade(who.skin, 82)
    )
    left, right = _arms(action, who.number)
    _arm(pen, -1, left, who, cloth)
    _arm(pen, 1, right, who, cloth)
    return draw_head(top, who, how, face_mark)


def _arms(action: str, number: int) -> tuple[tuple[Point, Point], tuple[Point, Point]]:
    if action == "waving":
        return (_UP, _DOWN) if number % 2 else (_DOWN, _UP)
    both = {"standing": _DOWN, "cheering": _UP, "holding": _FRONT}[action]
    return both, both


def _arm(pen: Pen, side: int, bent: tuple[Point, Point], who: Identity, cloth: Colour) -> None:
    elbow, hand = ((side * x, y) for x, y in bent)
    shoulder = (side * 0.7, 1.62)
    pen.stroke([elbow, hand], 0.27, shade(who.skin, 92))
    pen.oval(*hand, 0.2, 0.2, who.skin)
    pen.stroke([shoulder, elbow], 0.4, shade(cloth, 90))


def _legs(pen: Pen, trousers: Colour) -> None:
    for side in (-1, 1):
        pen.stroke(
            [(side * 0.36, 2.95), (side * 0.4, 4.3)], 0.56, shade(trousers, 100 - 8 * (side > 0))
        )
        pen.blob(
            [(side * 0.18, FEET), (side * 0.2, 4.42), (side * 0.6, 4.42), (side * 0.82, FEET)],
            (70, 48, 44),
        )
