"""Draws animals. The frame's unit is the thing's width; it stands on y = 0 around x = 0."""

from model_repo.island.world.canvas import Pen, smooth
from model_repo.island.world.dice import Dice
from model_repo.island.world.palette import INK, WHITE, Colour, shade


def _eyes(pen: Pen, x: float, y: float, apart: float, size: float) -> None:
    for side in (-1, 1):
        pen.oval(x + side * apart, y, size, size * 1.15, INK)
        pen.oval(x + side * apart - size * 0.3, y - size * 0.4, size * 0.35, size * 0.35, WHITE)


def cat(pen: Pen, dice: Dice) -> None:
    """Sits and looks at the camera: pointed ears, whiskers, a curled tail."""
    fur: Colour = dice.pick(((236, 152, 70), (92, 90, 100), (244, 232, 214), (60, 54, 62)))
    dark, light = shade(fur, 72), shade(fur, 124)
    tail = [(0.22, -0.06), (0.42, -0.08), (0.46, -0.3), (0.38, -0.42)]
    pen.stroke(smooth(tail, False), 0.1, dark)
    pen.blob([(-0.3, 0.0), (-0.3, -0.3), (0, -0.55), (0.3, -0.3), (0.3, 0.0)], fur)
    pen.oval(0, -0.18, 0.13, 0.18, light)
    for x in (-0.12, 0.12):
        pen.oval(x, -0.035, 0.09, 0.045, light)
    head = pen.at(dice.between(-0.04, 0.04), -0.62, 1.0, dice.whole(-5, 5))
    for side in (-1, 1):
        head.polygon([(side * 0.3, -0.04), (side * 0.29, -0.38), (side * 0.05, -0.22)], fur)
        head.polygon(
            [(side * 0.25, -0.14), (side * 0.25, -0.3), (side * 0.13, -0.22)], (240, 160, 160)
        )
    head.oval(0, 0, 0.33, 0.26, fur)
    if dice.chance(0.6):
        for x in (-0.08, 0.0, 0.08):
            head.stroke([(x, -0.24), (x * 0.9, -0.13)], 0.03, dark)
    head.oval(0, 0.1, 0.14, 0.09, light)
    for side in (-1, 1):
        head.oval(side * 0.14, -0.03, 0.06, 0.07, (186, 214, 90))
        head.oval(side * 0.14, -0.03, 0.025, 0.062, INK)
        for y in (0.06, 0.11):
            head.stroke([(side * 0.12, 0.08), (side * 0.38, y)], 0.014, shade(fur, 60))
    head.polygon([(-0.035, 0.05), (0.035, 0.05), (0, 0.09)], (226, 110, 120))


def dog(pen: Pen, dice: Dice) -> None:
    """Stands in profile: hanging ears, a raised tail, a collar."""
    fur: Colour = dice.pick(((196, 140, 84), (244, 226, 196), (116, 78, 54), (206, 206, 210)))
    dark, light = shade(fur, 70), shade(fur, 118)
    pen = pen.at(0, 0, 1.0, 0, dice.pick((-1.0, 1.0)))
    pen.stroke(smooth([(-0.34, -0.44), (-0.44, -0.56), (-0.45, -0.72)], False), 0.08, fur)
    for x in (-0.22, 0.2):
        pen.stroke([(x, -0.3), (x, -0.05)], 0.1, dark)
    for x in (-0.31, 0.1):
        pen.stroke([(x, -0.3), (x, -0.05)], 0.11, fur)
        pen.oval(x + 0.02, -0.035, 0.07, 0.035, light)
    pen.blob(
        [(-0.37, -0.3), (-0.34, -0.52), (0.0, -0.52), (0.24, -0.56), (0.24, -0.24), (-0.1, -0.2)],
        fur,
    )
    if dice.chance(0.5):
        pen.oval(-0.14, -0.42, 0.12, 0.08, dark)
    pen.stroke([(0.1, -0.46), (0.26, -0.42)], 0.07, (210, 50, 60))
    pen.oval(0.22, -0.66, 0.2, 0.19, fur)
    pen.blob([(0.26, -0.7), (0.44, -0.66), (0.48, -0.57), (0.4, -0.5), (0.24, -0.5)], light)
    pen.oval(0.465, -0.63, 0.045, 0.04, INK)
    pen.oval(0.28, -0.71, 0.032, 0.038, INK)
    pen.blob([(0.06, -0.84), (0.16, -0.8), (0.15, -0.56), (0.06, -0.46), (0.0, -0.6)], dark)


def duck(pen: Pen, dice: Dice) -> None:
    """Stands in profile: a round body, a folded wing, an orange bill."""
    down: Colour = dice.pick(((250, 214, 76), (246, 246, 240), (176, 146, 104)))
    bill = (240, 138, 40)
    pen = pen.at(0, 0, 1.0, 0, dice.pick((-1.0, 1.0)))
    for x in (-0.08, 0.08):
        pen.stroke([(x, -0.14), (x, -0.03)], 0.04, bill)
        pen.oval(x + 0.05, -0.025, 0.08, 0.025, bill)
    body = [
        (-0.48, -0.46),
        (-0.3, -0.4),
        (0.08, -0.46),
        (0.28, -0.36),
        (0.22, -0.14),
        (-0.1, -0.08),
        (-0.36, -0.18),
    ]
    pen.blob(body, shade(down, 88))
    pen.blob([(x * 0.95, y * 0.93 - 0.04) for x, y in body], down)
    pen.stroke([(0.16, -0.4), (0.2, -0.62)], 0.18, down)
    pen.oval(0.2, -0.7, 0.18, 0.175, down)
    pen.blob([(0.34, -0.74), (0.5, -0.68), (0.48, -0.62), (0.34, -0.62)], bill)
    pen.oval(0.26, -0.75, 0.03, 0.036, INK)
    pen.blob([(-0.32, -0.38), (0.04, -0.38), (0.08, -0.24), (-0.14, -0.18)], shade(down, 80))
    if dice.chance(0.4):
        pen.stroke([(0.1, -0.53), (0.28, -0.53)], 0.06, (66, 120, 190))


def rabbit(pen: Pen, dice: Dice) -> None:
    """Sits and looks at the camera: two long ears, a white belly, front teeth."""
    fur: Colour = dice.pick(((246, 242, 240), (206, 186, 164), (164, 154, 160), (150, 112, 84)))
    light = shade(fur, 130)
    for side in (-1, 1):
        tilt = side * dice.whole(3, 9)
        ear = pen.at(side * 0.15, -0.82, 1.0, tilt)
        ear.oval(0, -0.26, 0.11, 0.31, fur)
        ear.oval(0, -0.25, 0.055, 0.22, (244, 176, 182))
    pen.oval(0.36, -0.14, 0.12, 0.12, light)
    pen.blob([(-0.36, 0.0), (-0.34, -0.3), (0, -0.52), (0.34, -0.3), (0.36, 0.0)], shade(fur, 90))
    pen.oval(0, -0.2, 0.2, 0.2, light)
    for side in (-1, 1):
        pen.oval(side * 0.22, -0.055, 0.16, 0.06, fur)
    pen.oval(0, -0.68, 0.36, 0.3, fur)
    _eyes(pen, 0, -0.72, 0.16, 0.055)
    for side in (-1, 1):
        pen.oval(side * 0.22, -0.6, 0.07, 0.045, (246, 160, 166, 150))
    pen.box(-0.05, -0.58, 0.05, -0.49, WHITE)
    pen.oval(0, -0.61, 0.055, 0.04, (226, 110, 124))


def turtle(pen: Pen, dice: Dice) -> None:
    """Walks in profile: a domed shell with plates, a small head."""
    shell: Colour = dice.pick(((88, 130, 62), (140, 104, 60), (62, 120, 106)))
    skin: Colour = dice.pick(((156, 194, 96), (130, 178, 110)))
    pen = pen.at(0, 0, 1.0, 0, dice.pick((-1.0, 1.0)))
    pen.polygon([(-0.36, -0.16), (-0.5, -0.08), (-0.34, -0.06)], skin)
    pen.stroke([(0.24, -0.2), (0.36, -0.3)], 0.13, skin)
    pen.oval(0.38, -0.34, 0.12, 0.1, skin)
    pen.oval(0.42, -0.37, 0.024, 0.03, INK)
    for x in (-0.24, 0.14):
        pen.stroke([(x, -0.14), (x, -0.05)], 0.13, shade(skin, 86))
    dome = smooth([(-0.4, -0.14), (-0.32, -0.38), (-0.06, -0.56), (0.2, -0.4), (0.3, -0.14)], False)
    pen.polygon(dome, shade(shell, 84))
    pen.polygon([(x * 0.92 - 0.01, y * 0.95 - 0.015) for x, y in dome], shell)
    light = shade(shell, 128)
    for x, y, r in ((-0.06, -0.36, 0.1), (-0.24, -0.26, 0.075), (0.13, -0.26, 0.075)):
        pen.polygon(
            [
                (x - r, y),
                (x - r / 2, y - r),
                (x + r / 2, y - r),
                (x + r, y),
                (x + r / 2, y + r),
                (x - r / 2, y + r),
            ],
            light,
        )
    pen.stroke([(-0.4, -0.13), (0.29, -0.13)], 0.07, shade(shell, 66))
