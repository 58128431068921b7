"""Decides what a photograph shows and where each thing stands, before anything is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from model_repo.island.world.canvas import Box
from model_repo.island.world.dice import Dice
from model_repo.island.world.figures import ACTIONS, FEET, HAND
from model_repo.island.world.palette import SHIRTS
from model_repo.island.world.people import Expression, Identity
from model_repo.island.world.places import PLACES, Place
from model_repo.island.world.skies import TIMES, WEATHERS
from model_repo.island.world.splits import split_of
from model_repo.island.world.things import KINDS, Kind

_WIDTH, _HEIGHT = 320.0, 240.0
_OVERLAP: Final = 0.1  # of the smaller of two boxes
_TRIES: Final = 40


@dataclass(frozen=True, slots=True)
class PlacedThing:
    """x, y: the middle of where it stands. width: in pixels of a 320-pixel photograph."""

    mark: int
    kind: Kind
    x: float
    y: float
    width: float
    depth: float
    floating: bool


@dataclass(frozen=True, slots=True)
class PlacedPerson:
    """x, y: the face's middle. unit: half the face's height."""

    mark: int
    who: Identity
    how: Expression
    action: str
    holds: str | None
    shirt: str
    x: float
    y: float
    unit: float
    tilt: int

    @property
    def depth(self) -> float:
        return self.y + self.unit * FEET


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    place: Place
    weather: str
    time: str
    tilt: int
    things: tuple[PlacedThing, ...]
    people: tuple[PlacedPerson, ...]


def plan(seed: int, cast: Sequence[Identity] | None = None) -> Plan:
    """What the photograph with this seed shows.

    `cast` names the people to show, up to six; without it they come from the seed's split.
    ValueError: a larger cast, or a seed outside every split.
    """
    dice = Dice(4, seed)
    place = PLACES[dice.pick(list(PLACES))]
    weather, time = dice.pick(WEATHERS), dice.pick(TIMES)
    tilt = dice.whole(-2, 2)
    if cast is None:
        count = dice.weighted((0, 1, 2, 3), (3, 4, 3, 1))
        numbers = split_of(seed).people
        cast = [Identity.of(n) for n in dice.sample(numbers, count)]
        tries = 1
    elif len(cast) > len(SHIRTS):
        raise ValueError(f"cast must be of at most {len(SHIRTS)} people, not {len(cast)}")
    else:
        tries = 40
    shirts = dice.sample(list(SHIRTS), len(SHIRTS))
    people, things, taken = _gathered(dice, place, cast, shirts)
    while len(people) < len(cast) and tries > 1:
        tries -= 1
        people, things, taken = _gathered(dice, place, cast, shirts)
    kinds = dice.sample(KINDS, dice.weighted((0, 1, 2, 3, 4), (1, 3, 5, 5, 3)))
    for kind in kinds:
        for _ in range(dice.weighted((1, 2, 3, 4), (8, 5, 3, 1))):
            if len(things) < 9:
                placed = _put(dice, place, kind, len(things) + 1, taken)
                if placed is not None:
                    things.append(placed)
    return Plan(seed, place, weather, time, tilt, tuple(things), tuple(people))


def _gathered(
    dice: Dice, place: Place, cast: Sequence[Identity], shirts: Sequence[str]
) -> tuple[list[PlacedPerson], list[PlacedThing], list[Box]]:
    """Those of the cast for whom there is room, what they hold, and the boxes they take."""
    people: list[PlacedPerson] = []
    things: list[PlacedThing] = []
    taken: list[Box] = []
    for i, who in enumerate(cast):
        person = _stand(dice, place, who, shirts[i], 100 + 2 * i, taken)
        if person is None:
            continue
        if person.action == "holding":
            held = _held(dice, person, len(things) + 1)
            things.append(held)
            person = replace(person, holds=held.kind.name)
        people.append(person)
    return people, things, taken


def _stand(
    dice: Dice, place: Place, who: Identity, shirt: str, mark: int, taken: list[Box]
) -> PlacedPerson | None:
    action = dice.pick(ACTIONS)
    tilt, how = dice.whole(-6, 6), Expression.draw(dice)
    near = dice.between(0.0, 1.0)
    for attempt in range(_TRIES):
        unit = (16 + 18 * near) * (1.0 - 0.008 * attempt)
        wide = 2.0 if action in ("waving", "cheering") else 1.4
        x = dice.between(wide * unit, _WIDTH - wide * unit)
        feet = place.ground + 8 + (unit - 14) * dice.between(5.5, 8.0)
        y = max(feet - unit * FEET, unit * 1.75 + 4)
        box = (x - 1.3 * unit, y - 1.4 * unit, x + 1.3 * unit, min(y + unit * FEET, _HEIGHT))
        if _free(box, taken):
            taken.append(box)
            return PlacedPerson(mark, who, how, action, None, shirt, x, y, unit, tilt)
    return None


def _held(dice: Dice, person: PlacedPerson, mark: int) -> PlacedThing:
    kind = dice.pick([kind for kind in KINDS if kind.group == "food"])
    x, y = person.x + HAND[0] * person.unit, person.y + HAND[1] * person.unit
    width = max(22.0, person.unit * 1.15)
    return PlacedThing(mark, kind, x, y, width, person.depth + 0.01, True)


def _put(dice: Dice, place: Place, kind: Kind, mark: int, taken: list[Box]) -> PlacedThing | None:
    sail = kind.name == "boat" and place.water is not None and dice.chance(0.75)
    fly = kind.name == "airplane" and not place.indoors and dice.chance(0.75)
    for _ in range(_TRIES):
        if fly:
            y, scale = dice.between(40.0, 82.0), dice.between(0.75, 1.0)
        elif sail and place.water is not None:
            y = dice.between(*map(float, place.water))
            scale = 0.62 + 0.006 * (y - 90)
        else:
            y = dice.between(place.ground, 232.0)
            scale = 0.76 + 0.0045 * (y - 130)
        width = kind.size * scale * dice.between(0.92, 1.1)
        x = dice.between(width * 0.55 + 4, _WIDTH - width * 0.55 - 4)
        box = (x - width / 2, y - width * kind.height, x + width / 2, y)
        if box[1] > 2 and _free(box, taken):
            taken.append(box)
            return PlacedThing(mark, kind, x, y, width, y, fly)
    return None


def _free(box: Box, taken: list[Box]) -> bool:
    for other in taken:
        wide = min(box[2], other[2]) - max(box[0], other[0])
        tall = min(box[3], other[3]) - max(box[1], other[1])
        if wide > 0 and tall > 0 and wide * tall > _OVERLAP * min(_area(box), _area(other)):
            return False
    return True


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
