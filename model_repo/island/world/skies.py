"""Draws the sky at an hour in a weather, and what falls from it; decides the light's tint."""

from typing import Final

from model_repo.island.world.canvas import Pen
from model_repo.island.world.dice import Dice
from model_repo.island.world.palette import WHITE, Colour, glass, mix

WEATHERS: Final = ("clear", "cloudy", "rainy", "snowy")
TIMES: Final = ("morning", "noon", "evening", "night")

# Zenith and horizon.
_SKIES: Final[dict[str, tuple[Colour, Colour]]] = {
    "morning": ((150, 190, 232), (255, 214, 196)),
    "noon": ((62, 146, 232), (176, 224, 250)),
    "evening": ((124, 86, 160), (255, 156, 84)),
    "night": ((26, 34, 96), (66, 86, 150)),
}
_GREY: Final[dict[str, int]] = {"clear": 0, "cloudy": 50, "rainy": 76, "snowy": 58}
_OVERCAST: Final[dict[str, Colour]] = {
    "clear": WHITE,
    "cloudy": (196, 204, 214),
    "rainy": (118, 128, 146),
    "snowy": (214, 222, 234),
}
_TINTS: Final[dict[str, tuple[int, int, int]]] = {
    "morning": (103, 97, 93),
    "noon": (101, 101, 101),
    "evening": (104, 84, 72),
    "night": (62, 66, 86),
}
_GAINS: Final[dict[str, int]] = {"clear": 102, "cloudy": 95, "rainy": 86, "snowy": 100}


def tint(time: str, weather: str, indoors: bool) -> tuple[int, int, int]:
    """The light's colour, in percent for red, green and blue."""
    gain = _GAINS[weather]
    red, green, blue = (c * gain // 100 for c in _TINTS[time])
    if indoors:  # half of the light is a lamp's
        return (red + 102) // 2, (green + 97) // 2, (blue + 88) // 2
    return red, green, blue


def draw_sky(
    pen: Pen, dice: Dice, time: str, weather: str, bottom: float, spread: float = 1.0
) -> None:
    """Fill the frame down to `bottom`; `spread` draws sun and moon towards the middle."""
    grey = _OVERCAST[weather]
    high, low = (mix(c, grey, _GREY[weather]) for c in _SKIES[time])
    if time == "night":
        high, low = mix(high, (20, 26, 60), _GREY[weather] // 2), mix(low, (40, 48, 84), 40)
    top, bands = -30.0, 20
    step = (bottom - top) / bands
    for i in range(bands):
        y = top + i * step
        pen.box(-30, y, 350, y + step + 1, mix(high, low, i * 100 // (bands - 1)))
    if weather == "clear":
        _lights(pen, dice, time, spread)
    cloudy = {"clear": dice.whole(0, 2), "cloudy": 7, "rainy": 8, "snowy": 5}[weather]
    white = mix(WHITE, low, 30) if time != "night" else (92, 100, 140)
    colour = mix(white, (104, 112, 130), {"rainy": 62, "cloudy": 22}.get(weather, 0))
    for i in range(cloudy):
        x = dice.between(-10, 330) if cloudy < 3 else 340 * (i + dice.random()) / cloudy - 10
        _cloud(pen, x, dice.between(8, min(58, bottom - 20)), dice.between(15, 25), colour)


def _lights(pen: Pen, dice: Dice, time: str, spread: float) -> None:
    if time == "night":
        for _ in range(22):
            r = dice.between(0.5, 1.3)
            pen.oval(dice.between(0, 320), dice.between(0, 80), r, r, (250, 246, 214))
        x, y = 160 + dice.between(-120, 120) * spread, dice.between(22, 36)
        pen.oval(x, y, 13, 13, (250, 242, 200))
        pen.oval(x + 5, y - 2, 11, 11.5, (34, 44, 106))
        return
    x, y = {"morning": (52, 62), "noon": (160, 24), "evening": (268, 70)}[time]
    x, y = 160 + (x - 160 + dice.between(-24, 24)) * spread, y + dice.between(-5, 5)
    sun = {"morning": (255, 232, 150), "noon": (255, 246, 176), "evening": (255, 122, 60)}[time]
    for r, alpha in ((30, 40), (23, 60)):
        pen.oval(x, y, r, r, glass(sun, alpha))
    pen.oval(x, y, 15, 15, sun)


def _cloud(pen: Pen, x: float, y: float, r: float, colour: Colour) -> None:
    dim = mix(colour, (120, 130, 160), 18)
    for shift, tone in ((2.0, dim), (0.0, colour)):
        for dx, dy, k in (
            (-1.1, 0.2, 0.6),
            (-0.4, -0.15, 0.75),
            (0.45, -0.05, 0.68),
            (1.15, 0.22, 0.5),
        ):
            pen.oval(x + dx * r, y + dy * r + shift, k * r, k * r * 0.62, tone)


def draw_fall(pen: Pen, dice: Dice, weather: str) -> None:
    """Rain or snow in front of everything."""
    if weather == "rainy":
        for _ in range(110):
            x, y = dice.between(-10, 330), dice.between(-10, 240)
            long = dice.between(7, 13)
            pen.polygon([(x, y), (x + 0.9, y), (x - 0.22 * long, y + long)], (214, 228, 250, 120))
    elif weather == "snowy":
        for _ in range(110):
            r = dice.between(0.8, 2.0)
            pen.oval(dice.between(0, 320), dice.between(0, 240), r, r, (250, 252, 255, 220))
