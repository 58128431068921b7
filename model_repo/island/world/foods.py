"""Draws foods. The frame's unit is the thing's width; it stands on y = 0 around x = 0."""

from model_repo.island.world.canvas import Pen, smooth
from model_repo.island.world.dice import Dice
from model_repo.island.world.palette import WHITE, shade


def apple(pen: Pen, dice: Dice) -> None:
    skin = dice.pick(((214, 46, 44), (226, 62, 52), (150, 196, 56), (236, 178, 56)))
    fat = dice.between(0.9, 1.05)
    body = [(0, -0.8), (0.2, -0.88), (0.46, -0.7), (0.46, -0.36), (0.24, -0.02), (0, -0.07)]
    body += [(-x, y) for x, y in reversed(body[1:-1])]
    pen.blob([(x * fat, y) for x, y in body], shade(skin, 80))
    pen.blob([(x * fat * 0.88 - 0.03, y * 0.9 - 0.06) for x, y in body], skin)
    pen.oval(-0.2, -0.62, 0.1, 0.13, (*shade(skin, 170), 170), 12)
    pen.stroke([(0, -0.76), (0.05, -1.0)], 0.07, (104, 66, 38))
    if dice.chance(0.8):
        pen.blob([(0.06, -0.9), (0.2, -1.06), (0.4, -1.0), (0.24, -0.86)], (84, 164, 66))


def banana(pen: Pen, dice: Dice) -> None:
    peel = dice.pick(((250, 216, 70), (246, 204, 50), (218, 214, 84)))
    bend = dice.between(0.9, 1.1)
    outer = smooth(
        [(-0.46, -0.5), (-0.36, -0.2), (-0.05, -0.01), (0.3, -0.1), (0.47, -0.46)], False
    )
    inner = smooth(
        [(0.42, -0.5), (0.24, -0.3), (-0.02, -0.24), (-0.24, -0.34), (-0.38, -0.55)], False
    )
    shape = [(x, y * bend) for x, y in outer + inner]
    pen.polygon(shape, shade(peel, 84))
    upper = [(x * 0.96, y * bend - 0.045) for x, y in outer]
    pen.polygon(upper + [(x, y * bend) for x, y in inner], peel)
    pen.stroke([(-0.43, -0.5 * bend), (-0.44, -0.6 * bend)], 0.1, (120, 92, 44))
    pen.oval(0.45, -0.49 * bend, 0.045, 0.04, (92, 70, 40))
    for _ in range(dice.whole(0, 3)):
        x = dice.between(-0.2, 0.3)
        pen.oval(x, (-0.14 - 0.5 * x * x) * bend, 0.03, 0.015, (150, 110, 50))


def cake(pen: Pen, dice: Dice) -> None:
    cream = dice.pick(((255, 238, 226), (250, 176, 196), (122, 74, 50), (190, 226, 190)))
    sponge = dice.pick(((240, 200, 132), (214, 150, 92), (108, 66, 46)))
    top = -0.56
    pen.oval(0, -0.04, 0.5, 0.06, (226, 230, 238))
    pen.box(-0.42, top, 0.42, -0.05, sponge)
    pen.box(0.22, top, 0.42, -0.05, shade(sponge, 86))
    pen.box(-0.42, -0.34, 0.42, -0.26, shade(cream, 94))
    pen.oval(0, top, 0.42, 0.1, cream)
    drips = dice.whole(4, 6)
    for i in range(drips):
        x = -0.36 + 0.72 * i / (drips - 1)
        pen.stroke([(x, top), (x, top + dice.between(0.06, 0.16))], 0.13, cream)
    count = dice.whole(1, 3)
    for i in range(count):
        x = (i - (count - 1) / 2) * 0.22
        pen.stroke([(x, top - 0.02), (x, -0.78)], 0.06, dice.pick(((90, 150, 230), (230, 90, 110))))
        pen.oval(x, -0.86, 0.04, 0.075, (255, 190, 60))
    pen.oval(-0.3, top - 0.03, 0.06, 0.055, (214, 40, 60))
    pen.oval(0.3, top - 0.03, 0.06, 0.055, (214, 40, 60))


def carrot(pen: Pen, dice: Dice) -> None:
    root = dice.pick(((240, 130, 40), (232, 112, 34), (246, 148, 62)))
    at = pen.at(0.0, -0.2, 1.0, dice.whole(-5, 5))
    for y, x in ((-0.16, 0.42), (-0.05, 0.48), (0.08, 0.44)):
        at.stroke([(0.16, -0.02), (x, y)], 0.09, dice.pick(((70, 150, 60), (96, 174, 72))))
    body = [(0.22, -0.15), (-0.1, -0.13), (-0.48, 0.02), (-0.1, 0.14), (0.22, 0.13)]
    at.blob(body, shade(root, 84))
    at.blob([(x * 0.97, y * 0.8 - 0.025) for x, y in body], root)
    for x in (0.1, -0.04, -0.18):
        at.stroke([(x, -0.11), (x - 0.02, -0.03)], 0.025, shade(root, 74))


def watermelon(pen: Pen, dice: Dice) -> None:
    rind = dice.pick(((62, 140, 66), (84, 160, 70)))
    sway = dice.between(-0.1, 0.1)
    pen.oval(0, -0.42, 0.5, 0.42, shade(rind, 82))
    pen.oval(-0.02, -0.44, 0.47, 0.39, rind)
    dark = shade(rind, 52)
    for x in (-0.32, -0.11, 0.11, 0.32):
        ends = ((0.3, -0.8), (0.9, -0.62), (1.08, -0.42), (0.9, -0.2), (0.3, -0.04))
        path = [(x * k + sway * (1 - k), y) for k, y in ends]
        pen.stroke(smooth(path, False), 0.055, dark)
    if dice.chance(0.6):  # a slice is cut out
        pen.polygon([(-0.02, -0.44), (0.42, -0.62), (0.47, -0.26)], (236, 240, 206))
        pen.polygon([(0.04, -0.44), (0.4, -0.58), (0.43, -0.29)], (232, 66, 76))
        for x, y in ((0.2, -0.46), (0.3, -0.4), (0.31, -0.5)):
            pen.oval(x, y, 0.018, 0.026, (40, 26, 30))
    pen.oval(-0.22, -0.64, 0.1, 0.07, (*WHITE[:3], 80))
    pen.stroke([(0, -0.82), (0.05, -0.87)], 0.05, (110, 110, 50))
