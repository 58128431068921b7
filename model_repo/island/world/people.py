"""Who lives on the island: what stays the same about a person, and what changes from moment
to moment."""

from dataclasses import dataclass
from typing import Final

from model_repo.island.world.dice import Dice
from model_repo.island.world.palette import FRAMES, HAIRS, IRISES, SKINS, Colour

FRINGES: Final = ("short", "bangs", "left", "right", "parted", "spiky", "curly")
BACKS: Final = ("none", "bob", "long", "tail", "bun", "cloud", "bunches")
NOSES: Final = ("button", "long", "wide")

_FIRST: Final = ("Mi", "Ha", "So", "Ji", "Yu", "Do", "Na", "Seo", "Bo", "Ro", "Hae", "Ga")
_SECOND: Final = ("na", "ru", "jin", "ri", "won", "mi", "bin", "ra", "an", "ho", "seul", "on")


@dataclass(frozen=True, slots=True)
class Identity:
    """A person. Lengths are in halves of a face's height, from crown of the face to chin."""

    number: int
    name: str
    skin: Colour
    hair: str
    fringe: str
    back: str
    iris: Colour
    width: float
    jaw: float
    chin: float
    eye_gap: float
    eye_height: float
    eye_size: float
    brow_thick: float
    brow_tilt: float
    brow_lift: float
    nose: str
    nose_size: float
    mouth_width: float
    mouth_height: float
    lips: int
    glasses: str
    frame: Colour
    freckles: bool
    beard: bool
    earrings: bool

    @classmethod
    def of(cls, number: int) -> "Identity":
        """The person with this number, for ever the same."""
        dice = Dice(1, number)
        width = dice.between(0.72, 1.0)
        return cls(
            number=number,
            name=dice.pick(_FIRST) + dice.pick(_SECOND),
            skin=dice.pick(SKINS),
            hair=dice.pick(list(HAIRS)),
            fringe=dice.pick(FRINGES),
            back=dice.pick(BACKS),
            iris=dice.pick(IRISES),
            width=width,
            jaw=dice.between(0.62, 0.98),
            chin=dice.between(0.3, 0.62),
            eye_gap=width * dice.between(0.41, 0.52),
            eye_height=dice.between(-0.1, 0.02),
            eye_size=dice.between(0.165, 0.192),
            brow_thick=dice.between(0.05, 0.12),
            brow_tilt=dice.between(-0.07, 0.07),
            brow_lift=dice.between(0.36, 0.42),
            nose=dice.pick(NOSES),
            nose_size=dice.between(0.75, 1.3),
            mouth_width=dice.between(0.2, 0.34),
            mouth_height=dice.between(0.5, 0.56),
            lips=dice.whole(0, 2),
            glasses=dice.weighted(("none", "round", "square"), (6, 2, 2)),
            frame=dice.pick(FRAMES),
            freckles=dice.chance(0.25),
            beard=dice.chance(0.15),
            earrings=dice.chance(0.25),
        )


@dataclass(frozen=True, slots=True)
class Expression:
    """A moment of a face.

    `eyes` and `mouth` are how far they are open, 0 to 1; `turn` is the head's yaw, −1 (towards
    the picture's left) to 1; `smile` lifts the corners of the mouth, 0 to 1.
    """

    eyes: float = 0.8
    mouth: float = 0.0
    turn: float = 0.0
    smile: float = 0.5

    def __post_init__(self) -> None:
        for name, low in (("eyes", 0.0), ("mouth", 0.0), ("turn", -1.0), ("smile", 0.0)):
            value = getattr(self, name)
            if not low <= value <= 1.0:
                raise ValueError(f"{name} must be within [{low:g}, 1], not {value!r}")

    @classmethod
    def draw(cls, dice: Dice) -> "Expression":
        """An expression whose four factors are independent of each other."""
        return cls(dice.random(), dice.random(), dice.between(-1.0, 1.0), dice.random())
