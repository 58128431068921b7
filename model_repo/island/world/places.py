"""Draws the island's places, and says where in each of them things may stand.

The frame is a photograph's, 320 wide and 240 high; drawings reach 30 beyond its edges, because
the camera may be held askew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from model_repo.island.world.canvas import Pen
from model_repo.island.world.dice import Dice
from model_repo.island.world.palette import WHITE, Colour, glass, mix, shade
from model_repo.island.world.skies import draw_fall, draw_sky

_LEFT, _RIGHT, _BOTTOM = -30.0, 350.0, 270.0


@dataclass(frozen=True, slots=True)
class Place:
    """`ground` is the highest line on which something stands, `water` the span of the water."""

    name: str
    ground: int
    water: tuple[int, int] | None
    indoors: bool
    draw: Callable[[Pen, Dice, str, str], None]


def draw_place(pen: Pen, dice: Dice, place: Place, time: str, weather: str) -> None:
    if not place.indoors:
        draw_sky(pen, dice, time, weather, 132)
    place.draw(pen, dice, time, weather)


def _snowed(colour: Colour, weather: str, percent: int = 72) -> Colour:
    return mix(colour, (240, 246, 252), percent) if weather == "snowy" else colour


def _ground(pen: Pen, top: float, colour: Colour, weather: str) -> None:
    colour = _snowed(colour, weather)
    for i in range(8):
        y = top + (_BOTTOM - top) * i / 8
        pen.box(_LEFT, y, _RIGHT, _BOTTOM, shade(colour, 106 - 2 * i))
    if weather == "rainy":
        for x, y in ((60, 170), (210, 150), (150, 214), (286, 206)):
            pen.oval(x, y, 30, 5, (150, 176, 206, 110))


def _sea(pen: Pen, dice: Dice, top: float, bottom: float, time: str) -> None:
    water = (54, 140, 186) if time != "evening" else (96, 112, 170)
    for i in range(6):
        y = top + (bottom - top) * i / 6
        pen.box(_LEFT, y, _RIGHT, bottom + 2, mix(water, (120, 206, 214), i * 11))
    for _ in range(16):
        x, y = dice.between(0, 320), dice.between(top + 3, bottom - 2)
        pen.oval(x, y, dice.between(6, 14), 0.8, glass(WHITE, 120))


def _beach(pen: Pen, dice: Dice, time: str, weather: str) -> None:
    _sea(pen, dice, 84, 122, time)
    _ground(pen, 121, (240, 214, 154), weather)
    wave = [(x, 121 + 3 * dice.random()) for x in range(-30, 360, 30)]
    pen.polygon([*wave, (350, 118), (-30, 118)], glass(WHITE, 190))
    for _ in range(14):
        pen.oval(dice.between(0, 320), dice.between(130, 238), 1.6, 0.8, (206, 174, 120))
    for x in dice.sample((22.0, 300.0, 64.0, 258.0), dice.whole(1, 2)):
        _palm(pen, x, dice.between(126, 138), dice.between(0.8, 1.05), weather)


def _palm(pen: Pen, x: float, y: float, size: float, weather: str) -> None:
    at = pen.at(x, y, size)
    at.polygon([(-5, 0), (5, 0), (10, -88), (5, -88)], (146, 104, 66))
    for i in range(6):
        at.box(-4 + i * 1.8, -12 - i * 14, 5 + i * 1.1, -10 - i * 14, (116, 80, 52))
    leaf = _snowed((56, 140, 74), weather, 40)
    for i, tilt in enumerate((-70, -44, -16, 12, 38, 62)):
        frond = at.at(8, -88, 1.0, tilt)
        frond.blob([(0, 0), (-7, -22), (0, -46), (6, -22)], shade(leaf, 84 + 8 * (i % 3)))


def _harbour(pen: Pen, dice: Dice, time: str, weather: str) -> None:
    _sea(pen, dice, 86, 150, time)
    x = dice.between(30, 290)
    pen.blob(
        [(x - 44, 90), (x - 20, 78), (x + 20, 78), (x + 44, 90)], _snowed((112, 118, 110), weather)
    )
    pen.polygon([(x - 8, 80), (x + 8, 80), (x + 5, 32), (x - 5, 32)], (244, 240, 236))
    for y in (68, 50):
        pen.polygon([(x - 8, y + 6), (x + 8, y + 6), (x + 7, y - 3), (x - 7, y - 3)], (206, 62, 58))
    pen.box(x - 5, 24, x + 5, 32, (255, 236, 150))
    pen.polygon([(x - 7, 24), (x + 7, 24), (x, 16)], (206, 62, 58))
    _ground(pen, 150, (166, 164, 168), weather)
    pen.box(_LEFT, 150, _RIGHT, 156, _snowed((204, 202, 204), weather))
    pen.box(_LEFT, 156, _RIGHT, 160, (112, 110, 120))
    for y in range(176, 270, 18):
        pen.box(_LEFT, y, _RIGHT, y + 1, (140, 138, 146))
        for i in range(8):
            bx = i * 48 - 20 + 24 * ((y // 18) % 2)
            pen.box(bx, y, bx + 1, y + 18, (140, 138, 146))
    for bx in (40, 160, 280):
        pen.box(bx - 4, 142, bx + 4, 153, (72, 72, 86))
        pen.oval(bx, 142, 6, 3, (90, 90, 104))


def _garden(pen: Pen, dice: Dice, time: str, weather: str) -> None:
    for i in range(9):
        x = i * 42 - 10 + dice.between(-6, 6)
        r = dice.between(22, 34)
        pen.oval(x, 100, r, r, _snowed(shade((80, 150, 80), 86 + 7 * (i % 3)), weather, 45))
    fence = _snowed((246, 240, 228), weather, 20)
    for post in range(-30, 350, 16):
        tip = [(post, 88), (post + 4.5, 82), (post + 9, 88)]
        pen.polygon([(post, 124), *tip, (post + 9, 124)], fence)
    for rail in (94, 110):
        pen.box(_LEFT, rail, _RIGHT, rail + 4, shade(fence, 90))
    _ground(pen, 120, (122, 188, 92), weather)
    for _ in range(26):
        x, y = dice.between(0, 320), dice.between(126, 238)
        petal = dice.pick(((240, 120, 150), (250, 250, 240), (250, 210, 90), (190, 130, 220)))
        pen.oval(x, y, 2.2, 1.8, petal)
        pen.oval(x, y, 0.9, 0.8, (236, 180, 60))


def _street(pen: Pen, dice: Dice, time: str, weather: str) -> None:
    walls = ((232, 196, 160), (206, 160, 146), (190, 206, 214), (236, 222, 180), (176, 190, 160))
    x = -30.0
    while x < 350:
        wide, top = dice.between(50, 76), dice.between(26, 56)
        wall = dice.pick(walls)
        pen.box(x, top, x + wide, 124, wall)
        pen.box(x + wide - 4, top, x + wide, 124, shade(wall, 84))
        roof = _snowed((166, 92, 76), weather, 80)
        pen.polygon([(x - 2, top), (x + wide / 2, top - 18), (x + wide + 2, top)], roof)
        lit = (255, 226, 130) if time in ("night", "evening") else (150, 190, 216)
        for row in range(2):
            for column in range(3):
                wx, wy = x + wide * (0.14 + 0.28 * column), top + 10 + row * 27
                pen.box(wx, wy, wx + wide * 0.17, wy + 16, lit)
                pen.box(wx, wy + 7, wx + wide * 0.17, wy + 8, shade(wall, 76))
        x += wide
    _ground(pen, 120, (198, 192, 188), weather)
    road = _snowed((104, 106, 118), weather, 50)
    pen.box(_LEFT, 146, _RIGHT, 202, road)
    pen.box(_LEFT, 144, _RIGHT, 147, (224, 222, 218))
    pen.box(_LEFT, 202, _RIGHT, 205, (224, 222, 218))
    for i in range(8):
        pen.box(i * 50 - 25, 172, i * 50 + 3, 176, (238, 232, 200))


def _forest(pen: Pen, dice: Dice, time: str, weather: str) -> None:
    for row, (foot, tone) in enumerate(((112, 66), (122, 84), (130, 100))):
        for i in range(9):
            x = i * 44 - 20 + 18 * row + dice.between(-8, 8)
            _pine(pen, x, foot + dice.between(-2, 3), dice.between(0.85, 1.15), tone, weather)
    _ground(pen, 128, (112, 138, 78), weather)
    path = [(140, 128), (176, 128), (196, 180), (240, 270), (60, 270), (120, 180)]
    pen.blob(path, _snowed((176, 150, 110), weather, 60))
    for _ in range(12):
        x, y = dice.between(0, 320), dice.between(136, 238)
        pen.oval(x, y, 5, 2.2, _snowed((84, 116, 62), weather, 50))


def _pine(pen: Pen, x: float, y: float, size: float, tone: int, weather: str) -> None:
    at = pen.at(x, y, size)
    at.box(-4, -16, 4, 2, shade((120, 84, 58), tone))
    leaf = shade(_snowed((62, 128, 78), weather, 34), tone)
    for top, wide in ((-44, 26), (-68, 21), (-92, 15)):
        at.polygon([(-wide, top + 32), (0, top - 6), (wide, top + 32)], leaf)
        at.polygon([(0, top - 6), (wide, top + 32), (wide * 0.2, top + 32)], shade(leaf, 86))


def _kitchen(pen: Pen, dice: Dice, time: str, weather: str) -> None:
    wall = dice.pick(((250, 236, 206), (214, 232, 226), (246, 220, 208)))
    left = dice.between(92, 150)
    right, low = left + 92, 72
    sky = pen.at(left - 34, 2, 0.5)  # the window shows the middle of a smaller sky
    draw_sky(sky, dice, time, weather, 160, spread=0.4)
    draw_fall(sky, dice, weather)
    for x1, y1, x2, y2 in (
        (-30, -30, left, 140),
        (right, -30, 350, 140),
        (left, -30, right, 8),
        (left, low, right, 140),
    ):
        pen.box(x1, y1, x2, y2, wall)
    frame = (250, 250, 246)
    for x1, y1, x2, y2 in (
        (left - 4, 4, right + 4, 9),
        (left - 6, low, right + 6, low + 6),
        (left - 4, 4, left, low),
        (right, 4, right + 4, low),
        (left + 44, 8, left + 48, low),
    ):
        pen.box(x1, y1, x2, y2, frame)
    for x in range(-30, 350, 19):
        pen.box(x, 84, x + 18, 101, shade(wall, 93))
    for x1, x2 in ((-30.0, left - 18), (right + 18, 350.0)):
        pen.box(x1, -30, x2, 46, (178, 128, 88))
        pen.box(x1, 44, x2, 47, (140, 96, 62))
        pen.box((x1 + x2) / 2 - 1, -30, (x1 + x2) / 2 + 1, 46, (140, 96, 62))
    pen.box(_LEFT, 102, _RIGHT, 110, (236, 232, 226))
    pen.box(_LEFT, 110, _RIGHT, 150, (178, 128, 88))
    for x in range(-20, 350, 46):
        pen.box(x, 114, x + 42, 146, (194, 144, 102))
        pen.oval(x + 36, 128, 2, 2, (90, 62, 44))
    pen.box(_LEFT, 148, _RIGHT, 270, (226, 206, 180))
    for row in range(6):
        y, tall = 150 + row * 20, 20
        for column in range(-1, 9):
            if (row + column) % 2:
                pen.box(column * 42, y, column * 42 + 42, y + tall, (208, 184, 154))


PLACES: Final[dict[str, Place]] = {
    place.name: place
    for place in (
        Place("beach", 134, (94, 116), False, _beach),
        Place("harbour", 168, (104, 142), False, _harbour),
        Place("garden", 134, None, False, _garden),
        Place("street", 136, None, False, _street),
        Place("forest", 142, None, False, _forest),
        Place("kitchen", 160, None, True, _kitchen),
    )
}
