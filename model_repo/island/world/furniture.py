"""Draws furniture. The frame's unit is the thing's width; it stands on y = 0 around x = 0."""

from model_repo.island.world.canvas import Pen
from model_repo.island.world.dice import Dice
from model_repo.island.world.palette import Colour, shade

_WOODS = ((176, 118, 66), (142, 90, 52), (206, 158, 100), (236, 226, 208))
_CLOTHS = ((206, 80, 76), (74, 124, 190), (96, 158, 100), (232, 180, 72), (146, 106, 176))


def chair(pen: Pen, dice: Dice) -> None:
    wood, seat = dice.pick(_WOODS), dice.pick(_CLOTHS)
    dark = shade(wood, 74)
    for x in (-0.3, 0.44):
        pen.stroke([(x, -0.6), (x, -0.05)], 0.09, dark)
    pen.box(-0.45, -1.36, -0.34, -0.05, wood)
    pen.box(0.22, -1.36, 0.33, -0.05, wood)
    rails = dice.whole(2, 3)
    for i in range(rails):
        y = -1.32 + 0.56 * i / rails
        pen.box(-0.4, y, 0.28, y + 0.13, shade(wood, 112))
    pen.polygon([(-0.48, -0.56), (0.32, -0.56), (0.48, -0.68), (-0.3, -0.68)], shade(seat, 112))
    pen.box(-0.48, -0.57, 0.34, -0.44, seat)
    pen.polygon([(0.34, -0.57), (0.49, -0.68), (0.49, -0.56), (0.34, -0.44)], shade(seat, 76))


def table(pen: Pen, dice: Dice) -> None:
    wood = dice.pick(_WOODS)
    for x in (-0.3, 0.36):
        pen.box(x - 0.03, -0.46, x + 0.03, -0.06, shade(wood, 60))
    for x in (-0.44, 0.4):
        pen.polygon(
            [(x - 0.04, -0.46), (x + 0.05, -0.46), (x + 0.04, 0), (x - 0.03, 0)], shade(wood, 84)
        )
    pen.polygon([(-0.5, -0.46), (-0.36, -0.58), (0.38, -0.58), (0.5, -0.46)], shade(wood, 116))
    pen.box(-0.5, -0.47, 0.5, -0.39, wood)
    if dice.chance(0.5):
        cloth = dice.pick(_CLOTHS)
        pen.polygon(
            [(-0.18, -0.46), (-0.12, -0.58), (0.14, -0.58), (0.2, -0.46)], shade(cloth, 116)
        )
        pen.polygon(
            [(-0.18, -0.47), (0.2, -0.47), (0.2, -0.34), (0.01, -0.27), (-0.18, -0.34)], cloth
        )


def lamp(pen: Pen, dice: Dice) -> None:
    cover = dice.pick(((250, 226, 160), (244, 190, 130), (240, 160, 150), (180, 214, 226)))
    metal = dice.pick(((90, 86, 96), (176, 140, 70), (60, 70, 80)))
    lean = dice.between(0.16, 0.26)
    pen.oval(0, -0.07, 0.32, 0.07, shade(metal, 80))
    pen.oval(0, -0.1, 0.3, 0.06, metal)
    pen.box(-0.045, -1.1, 0.045, -0.1, metal)
    pen.polygon([(-lean, -1.72), (lean, -1.72), (0.5, -1.04), (-0.5, -1.04)], cover)
    pen.polygon([(0.06, -1.72), (lean, -1.72), (0.5, -1.04), (0.2, -1.04)], shade(cover, 88))
    pen.oval(0, -1.04, 0.49, 0.06, shade(cover, 140))
    pen.box(-lean, -1.74, lean, -1.69, shade(metal, 110))


def sofa(pen: Pen, dice: Dice) -> None:
    cloth = dice.pick(_CLOTHS)
    dark, light = shade(cloth, 76), shade(cloth, 114)
    for x in (-0.38, 0.38):
        pen.box(x - 0.03, -0.08, x + 0.03, 0, (84, 58, 40))
    _cushion(pen, -0.4, -0.55, 0.4, -0.14, dark)
    seats = dice.whole(2, 3)
    wide = 0.76 / seats
    for i in range(seats):
        x = -0.38 + i * wide
        _cushion(pen, x + 0.008, -0.53, x + wide - 0.008, -0.26, cloth)
        _cushion(pen, x + 0.008, -0.28, x + wide - 0.008, -0.15, light)
    pen.box(-0.44, -0.16, 0.44, -0.06, dark)
    for x in (-0.5, 0.36):
        _cushion(pen, x, -0.38, x + 0.14, -0.05, shade(cloth, 92))
        pen.oval(x + 0.07, -0.36, 0.07, 0.045, light)


def _cushion(
    pen: Pen, left: float, top: float, right: float, bottom: float, colour: Colour
) -> None:
    r = min(right - left, bottom - top) * 0.25
    corners = (
        (right, bottom, -1, -1),
        (left, bottom, 1, -1),
        (left, top, 1, 1),
        (right, top, -1, 1),
    )
    points = []
    for i, (x, y, sx, sy) in enumerate(corners):
        pair = [(x, y + sy * r), (x + sx * r * 0.3, y + sy * r * 0.3), (x + sx * r, y)]
        points += pair if i % 2 == 0 else pair[::-1]
    pen.polygon(points, colour)


def bookshelf(pen: Pen, dice: Dice) -> None:
    wood = dice.pick(_WOODS)
    shelves = dice.whole(3, 4)
    pen.box(-0.5, -1.3, 0.5, 0, wood)
    tall = 1.2 / shelves
    for i in range(shelves):
        top = -1.25 + i * tall
        bottom = top + tall - 0.06
        pen.box(-0.44, top, 0.44, bottom, shade(wood, 50))
        x = -0.43
        while True:
            width = dice.between(0.07, 0.13)
            if x + width > 0.42:
                break
            if dice.chance(0.88):
                cover = dice.pick(_CLOTHS)
                book = bottom - tall * dice.between(0.58, 0.8)
                pen.box(x, book, x + width - 0.012, bottom, cover)
                pen.box(x, book + 0.05, x + width - 0.012, book + 0.08, shade(cover, 130))
            x += width
        pen.box(-0.46, bottom, 0.46, bottom + 0.05, shade(wood, 112))
