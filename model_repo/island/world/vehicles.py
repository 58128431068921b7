"""Draws vehicles. The frame's unit is the thing's width; it stands on y = 0 around x = 0."""

from model_repo.island.world.canvas import Pen
from model_repo.island.world.dice import Dice
from model_repo.island.world.palette import Colour, shade

_PAINTS: tuple[Colour, ...] = (
    (216, 58, 54),
    (54, 118, 206),
    (246, 196, 56),
    (70, 160, 104),
    (238, 238, 236),
)
_PANE = (170, 216, 236)
_TYRE = (46, 44, 52)


def _wheel(pen: Pen, x: float, r: float) -> None:
    pen.oval(x, -r, r, r, _TYRE)
    pen.oval(x, -r, r * 0.55, r * 0.55, (196, 198, 206))
    pen.oval(x, -r, r * 0.22, r * 0.22, (110, 112, 120))


def car(pen: Pen, dice: Dice) -> None:
    """A small car in profile: a round cabin on a flat body."""
    paint = dice.pick(_PAINTS)
    pen = pen.at(0, 0, 1.0, 0, dice.pick((-1.0, 1.0)))
    roof = dice.between(0.46, 0.52)
    pen.blob([(-0.34, -0.26), (-0.26, -roof), (0.06, -roof - 0.01), (0.26, -0.28)], paint)
    pen.polygon(
        [(-0.27, -0.29), (-0.21, -roof + 0.06), (-0.04, -roof + 0.05), (-0.04, -0.29)], _PANE
    )
    pen.polygon([(0.0, -0.29), (0.0, -roof + 0.05), (0.06, -roof + 0.06), (0.2, -0.29)], _PANE)
    body = [
        (-0.49, -0.12),
        (-0.48, -0.28),
        (-0.2, -0.31),
        (0.24, -0.3),
        (0.46, -0.24),
        (0.49, -0.12),
    ]
    pen.polygon(body, paint)
    pen.box(-0.49, -0.16, 0.49, -0.09, shade(paint, 76))
    pen.oval(0.45, -0.2, 0.04, 0.035, (255, 244, 190))
    pen.oval(-0.47, -0.21, 0.025, 0.035, (190, 40, 40))
    pen.box(-0.02, -0.22, 0.06, -0.2, shade(paint, 70))
    for x in (-0.28, 0.28):
        _wheel(pen, x, 0.12)


def bus(pen: Pen, dice: Dice) -> None:
    """A tall box in profile with a row of windows and a stripe."""
    paint = dice.pick(_PAINTS)
    stripe = dice.pick([p for p in _PAINTS if p != paint])
    pen = pen.at(0, 0, 1.0, 0, dice.pick((-1.0, 1.0)))
    pen.polygon(
        [(-0.5, -0.1), (-0.5, -0.52), (-0.47, -0.55), (0.46, -0.55), (0.5, -0.5), (0.5, -0.1)],
        paint,
    )
    pen.box(-0.5, -0.24, 0.5, -0.18, stripe)
    windows = dice.whole(4, 5)
    wide = 0.74 / windows
    for i in range(windows):
        x = -0.45 + i * wide
        pen.box(x, -0.48, x + wide - 0.03, -0.29, _PANE)
        pen.polygon([(x, -0.48), (x + wide * 0.4, -0.48), (x, -0.36)], shade(_PANE, 140))
    pen.box(0.31, -0.48, 0.42, -0.11, shade(paint, 70))
    pen.box(0.325, -0.46, 0.405, -0.13, _PANE)
    pen.box(-0.5, -0.12, 0.5, -0.07, shade(paint, 66))
    pen.oval(0.475, -0.15, 0.022, 0.025, (255, 244, 190))
    for x in (-0.29, 0.22):
        _wheel(pen, x, 0.09)


def bicycle(pen: Pen, dice: Dice) -> None:
    """Two open wheels and a thin frame in profile."""
    paint = dice.pick(((206, 50, 60), (40, 110, 190), (60, 140, 80), (230, 140, 40)))
    pen = pen.at(0, 0, 1.0, 0, dice.pick((-1.0, 1.0)))
    for x in (-0.29, 0.29):
        pen.ring(x, -0.2, 0.18, 0.18, 0.045, _TYRE)
        for dx, dy in ((0.12, 0.12), (0.12, -0.12)):
            pen.stroke([(x - dx, -0.2 - dy), (x + dx, -0.2 + dy)], 0.014, (150, 152, 160))
    back, front, crank, seat, head = (
        (-0.29, -0.2),
        (0.29, -0.2),
        (-0.02, -0.19),
        (-0.1, -0.48),
        (0.2, -0.48),
    )
    for ends in (
        (back, crank),
        (back, seat),
        (crank, seat),
        (crank, head),
        (seat, head),
        (head, front),
    ):
        pen.stroke(ends, 0.042, paint)
    pen.stroke([(-0.19, -0.53), (-0.04, -0.53)], 0.055, (70, 48, 40))
    pen.stroke([seat, (-0.11, -0.53)], 0.035, _TYRE)
    pen.stroke([head, (0.17, -0.59), (0.27, -0.6)], 0.035, _TYRE)
    pen.oval(*crank, 0.05, 0.05, (90, 90, 98))
    if dice.chance(0.5):
        pen.box(0.24, -0.56, 0.42, -0.43, (196, 150, 96))


def boat(pen: Pen, dice: Dice) -> None:
    """A hull with a mast and a sail."""
    paint = dice.pick(_PAINTS)
    sail = dice.pick(((250, 248, 240), (250, 220, 170), (236, 120, 110)))
    pen = pen.at(0, 0, 1.0, 0, dice.pick((-1.0, 1.0)))
    tall = dice.between(0.84, 0.94)
    pen.box(-0.05, -tall, -0.01, -0.2, (120, 80, 50))
    pen.polygon([(0.02, -tall + 0.04), (0.36, -0.32), (0.02, -0.28)], sail)
    pen.polygon([(0.02, -tall + 0.04), (0.14, -0.62), (0.1, -0.29), (0.02, -0.28)], shade(sail, 90))
    pen.polygon([(-0.08, -tall + 0.14), (-0.34, -0.32), (-0.08, -0.29)], shade(sail, 94))
    pen.polygon([(-0.05, -tall - 0.02), (-0.2, -tall + 0.03), (-0.05, -tall + 0.07)], (214, 60, 60))
    pen.polygon([(-0.48, -0.24), (0.5, -0.26), (0.34, -0.01), (-0.34, -0.01)], paint)
    pen.polygon([(-0.42, -0.13), (0.42, -0.13), (0.34, -0.01), (-0.34, -0.01)], shade(paint, 70))
    pen.box(-0.49, -0.27, 0.5, -0.22, (250, 246, 236))


def airplane(pen: Pen, dice: Dice) -> None:
    """A long body in profile with a wing, a tail fin and round windows."""
    paint = dice.pick(_PAINTS)
    body: Colour = dice.pick(((240, 242, 246), (226, 232, 240), (250, 240, 214)))
    pen = pen.at(0, 0, 1.0, dice.whole(-3, 3), dice.pick((-1.0, 1.0)))
    pen.polygon([(-0.36, -0.28), (-0.48, -0.5), (-0.38, -0.5), (-0.22, -0.3)], paint)
    pen.polygon([(0.08, -0.28), (-0.06, -0.42), (-0.14, -0.42), (-0.06, -0.28)], shade(paint, 74))
    hull = [
        (-0.46, -0.3),
        (-0.2, -0.34),
        (0.3, -0.34),
        (0.5, -0.22),
        (0.32, -0.13),
        (-0.1, -0.13),
        (-0.4, -0.22),
    ]
    pen.blob(hull, shade(body, 84))
    pen.blob([(x * 0.98, y * 0.92 - 0.03) for x, y in hull], body)
    pen.polygon([(0.34, -0.31), (0.43, -0.27), (0.34, -0.25)], (80, 130, 170))
    for i in range(5):
        pen.oval(-0.22 + i * 0.11, -0.265, 0.026, 0.03, (90, 150, 196))
    pen.polygon([(0.12, -0.2), (-0.14, -0.01), (-0.26, -0.01), (-0.1, -0.2)], paint)
    pen.polygon([(-0.34, -0.26), (-0.5, -0.19), (-0.44, -0.18), (-0.24, -0.24)], shade(paint, 84))
