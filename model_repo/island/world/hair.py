"""Draws hair: what hangs behind the head, and what falls over the forehead."""

from model_repo.island.world.canvas import Pen, Point
from model_repo.island.world.palette import HAIRS, mix, shade
from model_repo.island.world.people import Identity


def back_hair(pen: Pen, who: Identity, turn: float) -> None:
    """The hair behind head and shoulders; drawn before them."""
    w, colour = who.width, shade(HAIRS[who.hair], 80)
    light = HAIRS[who.hair]
    lag = -0.12 * turn  # what hangs behind goes against the turn
    if who.back == "bob":
        pen.blob([(x * w + lag, y) for x, y in _BOB], colour)
    elif who.back == "long":
        pen.blob([(x * w + lag, y) for x, y in _LONG], colour)
    elif who.back == "tail":
        side = -1 if who.number % 2 else 1
        pen.blob([(side * (w * 0.7 + x) + lag, y) for x, y in _TAIL], colour)
        pen.oval(side * (w * 0.72 + 0.16) + lag, -0.72, 0.13, 0.13, (226, 74, 96))
    elif who.back == "bun":
        pen.oval(lag, -1.36, 0.36, 0.33, colour)
        pen.oval(lag - 0.05, -1.42, 0.24, 0.2, light)
    elif who.back == "cloud":
        pen.oval(lag * 0.5, -0.42, w * 0.9 + 0.56, 1.1, colour)
        for x, y in ((-1.0, -0.1), (1.0, -0.1), (-0.9, -0.9), (0.9, -0.9), (0.0, -1.3)):
            pen.oval(x * (w * 0.7 + 0.4) + lag * 0.5, y, 0.34, 0.34, colour)
    elif who.back == "bunches":
        for side in (-1, 1):
            pen.oval(side * (w + 0.3) + lag, 0.1, 0.26, 0.5, colour, 8 * side)
            pen.oval(side * (w + 0.28) + lag, 0.0, 0.14, 0.34, light, 8 * side)
            pen.oval(side * (w + 0.1) + lag, -0.38, 0.11, 0.11, (250, 206, 70))


_BOB = (
    (0.0, -1.2),
    (0.9, -0.95),
    (1.22, -0.2),
    (1.26, 0.6),
    (0.9, 0.86),
    (-0.9, 0.86),
    (-1.26, 0.6),
    (-1.22, -0.2),
    (-0.9, -0.95),
)
_LONG = (
    (0.0, -1.2),
    (0.9, -0.95),
    (1.2, -0.2),
    (1.3, 0.8),
    (1.2, 1.55),
    (0.5, 1.66),
    (-0.5, 1.66),
    (-1.2, 1.55),
    (-1.3, 0.8),
    (-1.2, -0.2),
    (-0.9, -0.95),
)
_TAIL = (
    (0.0, -0.9),
    (0.42, -0.82),
    (0.68, -0.3),
    (0.66, 0.4),
    (0.46, 0.9),
    (0.28, 0.3),
    (0.2, -0.35),
)

# The crown's outer edge from temple to temple, as (share of the width, height).
_CROWN = (
    (-1.04, 0.02),
    (-1.1, -0.45),
    (-0.82, -1.02),
    (-0.4, -1.2),
    (0.0, -1.26),
    (0.4, -1.2),
    (0.82, -1.02),
    (1.1, -0.45),
    (1.04, 0.02),
)
# Each fringe's hairline, back from right to left.
_LINES: dict[str, tuple[Point, ...]] = {
    "short": ((0.9, -0.42), (0.6, -0.7), (0.0, -0.76), (-0.6, -0.7), (-0.9, -0.42)),
    "bangs": (
        (0.92, -0.36),
        (0.76, -0.52),
        (0.3, -0.5),
        (-0.3, -0.5),
        (-0.76, -0.52),
        (-0.92, -0.36),
    ),
    "left": (
        (0.93, -0.3),
        (0.78, -0.42),
        (0.4, -0.56),
        (-0.2, -0.74),
        (-0.55, -0.88),
        (-0.88, -0.45),
    ),
    "right": (
        (0.88, -0.45),
        (0.55, -0.88),
        (0.2, -0.74),
        (-0.4, -0.56),
        (-0.78, -0.42),
        (-0.93, -0.3),
    ),
    "parted": (
        (0.96, -0.1),
        (0.8, -0.5),
        (0.3, -0.78),
        (0.0, -0.98),
        (-0.3, -0.78),
        (-0.8, -0.5),
        (-0.96, -0.1),
    ),
    "spiky": (
        (0.9, -0.4),
        (0.62, -0.72),
        (0.45, -0.52),
        (0.2, -0.74),
        (0.0, -0.54),
        (-0.2, -0.74),
        (-0.45, -0.52),
        (-0.62, -0.72),
        (-0.9, -0.4),
    ),
    "curly": ((0.88, -0.4), (0.5, -0.66), (0.0, -0.7), (-0.5, -0.66), (-0.88, -0.4)),
}
_SPIKES = (
    (-1.06, -0.1),
    (-1.2, -0.6),
    (-0.92, -0.72),
    (-0.95, -1.2),
    (-0.55, -1.06),
    (-0.4, -1.48),
    (-0.08, -1.16),
    (0.2, -1.55),
    (0.42, -1.12),
    (0.85, -1.3),
    (0.86, -0.82),
    (1.22, -0.68),
    (1.06, -0.1),
)
_CURLS = (
    (-1.02, -0.25),
    (-1.0, -0.62),
    (-0.78, -0.95),
    (-0.42, -1.14),
    (0.0, -1.2),
    (0.42, -1.14),
    (0.78, -0.95),
    (1.0, -0.62),
    (1.02, -0.25),
    (-0.5, -0.78),
    (0.0, -0.82),
    (0.5, -0.78),
)


def front_hair(pen: Pen, who: Identity, turn: float) -> None:
    """The hair over the forehead; drawn after the face, before the brows."""
    w, colour = who.width, HAIRS[who.hair]
    line = [((x + 0.16 * turn * (1 - x * x)) * w, y) for x, y in _LINES[who.fringe]]
    if who.fringe == "spiky":
        pen.polygon([(x * w, y) for x, y in _SPIKES] + line, colour)
    else:
        pen.blob([(x * w, y) for x, y in _CROWN] + line, colour)
    if who.fringe == "curly":
        for i, (x, y) in enumerate(_CURLS):
            pen.oval(
                (x + 0.08 * turn * (1 - x * x)) * w, y, 0.24, 0.22, shade(colour, 100 - 7 * (i % 3))
            )
    # A soft light on the crown.
    gloss = (*mix(colour, (255, 255, 255), 45), 90)
    x = (-0.25 + 0.1 * turn) * w
    pen.blob([(x - 0.42 * w, -0.86), (x, -1.1), (x + 0.4 * w, -1.08), (x, -0.98)], gloss)
