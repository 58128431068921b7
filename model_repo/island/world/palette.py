"""The island's colours, and how one colour is lightened, darkened and mixed.

All arithmetic is on integers 0–255, so that a colour is the same everywhere.
"""

from typing import Final

Colour = tuple[int, ...]  # (red, green, blue) or (red, green, blue, alpha)

WHITE: Final[Colour] = (252, 252, 250)
INK: Final[Colour] = (48, 38, 46)
SHADOW: Final[Colour] = (30, 26, 52, 58)

SKINS: Final[tuple[Colour, ...]] = (
    (255, 222, 196),
    (250, 205, 170),
    (236, 184, 142),
    (208, 152, 110),
    (168, 114, 78),
    (124, 82, 58),
)
# The names are those captions use.
HAIRS: Final[dict[str, Colour]] = {
    "black": (44, 38, 48),
    "brown": (112, 68, 40),
    "blond": (236, 196, 92),
    "red": (198, 76, 36),
    "grey": (168, 168, 176),
    "blue": (64, 104, 190),
    "green": (60, 140, 96),
    "purple": (140, 78, 172),
}
IRISES: Final[tuple[Colour, ...]] = (
    (84, 50, 30),
    (46, 96, 168),
    (52, 124, 74),
    (96, 104, 116),
    (40, 32, 34),
)
SHIRTS: Final[dict[str, Colour]] = {
    "red": (220, 62, 58),
    "blue": (58, 104, 214),
    "green": (58, 166, 84),
    "yellow": (250, 208, 60),
    "purple": (150, 84, 190),
    "white": (244, 244, 240),
}
FRAMES: Final[tuple[Colour, ...]] = ((40, 36, 44), (176, 48, 56), (44, 74, 146), (150, 106, 44))


def shade(colour: Colour, percent: int) -> Colour:
    """`colour` at `percent` of its light; above 100 it goes towards white."""
    if percent <= 100:
        return tuple(c * percent // 100 for c in colour[:3])
    return mix(colour, WHITE, percent - 100)


def mix(one: Colour, other: Colour, percent: int) -> Colour:
    """`one` with `percent` of `other` in it."""
    return tuple(
        (a * (100 - percent) + b * percent) // 100 for a, b in zip(one, other[:3], strict=False)
    )


def glass(colour: Colour, alpha: int) -> Colour:
    """`colour` laid on with an opacity of `alpha` in 255."""
    return (*colour[:3], alpha)
