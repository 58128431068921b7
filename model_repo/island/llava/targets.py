"""What the tower is to know of a picture: of each patch, what is there, how many of its kind the
picture shows, and of a person shirt, hair and doing; of the whole, the scene and all counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import torch
from torch import Tensor

from model_repo.island.llava.views import GRID, View
from model_repo.island.world.canvas import Box
from model_repo.island.world.captions import counts
from model_repo.island.world.figures import ACTIONS
from model_repo.island.world.palette import HAIRS, SHIRTS
from model_repo.island.world.places import PLACES
from model_repo.island.world.scene import Person, Photograph
from model_repo.island.world.skies import TIMES, WEATHERS
from model_repo.island.world.things import KINDS, NAMES

PERSON: Final = len(NAMES)
NOTHING: Final = PERSON + 1
MOST: Final = 4  # that are told apart from fewer
ABSENT: Final = -100  # what cross-entropy leaves out
_SHIRTS, _HAIRS = tuple(SHIRTS), tuple(HAIRS)
DOING: Final = (
    *(action for action in ACTIONS if action != "holding"),
    *(kind.name for kind in KINDS if kind.group == "food"),
)
# Answers of each head.
PATCH_ANSWERS: Final = {
    "kind": NOTHING + 1,
    "many": MOST,
    "shirt": len(_SHIRTS),
    "hair": len(_HAIRS),
    "doing": len(DOING),
}
SCENE_ANSWERS: Final = {"place": len(PLACES), "weather": len(WEATHERS), "time": len(TIMES)}


@dataclass(frozen=True, slots=True)
class Targets:
    """Of n pictures; numbers are int64, ABSENT where there is no answer.

    kind, many, shirt, hair, doing: [n, patches]; `many` is one less than the count
    middle: float32 [n, patches], 1 where the middle of a thing or of a face is
    place, weather, time: [n]
    counts: [n, kinds and people], MOST for as many or more
    """

    kind: Tensor
    many: Tensor
    shirt: Tensor
    hair: Tensor
    doing: Tensor
    middle: Tensor
    place: Tensor
    weather: Tensor
    time: Tensor
    counts: Tensor

    @classmethod
    def of(cls, photos: Sequence[Photograph], views: Sequence[View]) -> Targets:
        each = [_of(photo, view) for photo, view in zip(photos, views, strict=True)]
        return cls(**{f.name: torch.stack([one[f.name] for one in each]) for f in fields(cls)})


def _of(photo: Photograph, view: View) -> dict[str, Tensor]:
    numbers = counts(photo)
    many = [min(numbers.get(name, 0), MOST) for name in NAMES]
    many.append(min(len(photo.people), MOST))
    answers = {name: torch.full((GRID, GRID), ABSENT) for name in PATCH_ANSWERS}
    answers["kind"].fill_(NOTHING)
    middle = torch.zeros(GRID, GRID)

    def claim(rows: slice, columns: slice, kind: int, person: Person | None) -> None:
        told = {"kind": kind, "many": many[kind] - 1} | (_told(person) if person else {})
        for name, patches in answers.items():
            patches[rows, columns] = told.get(name, ABSENT)

    boxes = [(view.patches(thing.box),) * 2 for thing in photo.things]
    boxes += [(view.patches(who.box), view.patches(who.face.box)) for who in photo.people]
    kinds = [*(NAMES.index(thing.name) for thing in photo.things), *[PERSON] * len(photo.people)]
    persons = [*[None] * len(photo.things), *photo.people]
    found = list(zip(boxes, kinds, persons, strict=True))
    # The smaller of two is mostly the one in front; its middle is a thing's own in any case.
    found.sort(key=lambda each: -_area(each[0][0]))
    for (box, _), kind, person in found:
        claim(_covered(box[1], box[3]), _covered(box[0], box[2]), kind, person)
    for (_, core), kind, person in found:
        row, column = _patch((core[1] + core[3]) / 2), _patch((core[0] + core[2]) / 2)
        claim(slice(row, row + 1), slice(column, column + 1), kind, person)
        middle[row, column] = 1
    return {
        **{name: patches.flatten() for name, patches in answers.items()},
        "middle": middle.flatten(),
        "place": torch.tensor(list(PLACES).index(photo.place)),
        "weather": torch.tensor(WEATHERS.index(photo.weather)),
        "time": torch.tensor(TIMES.index(photo.time)),
        "counts": torch.tensor(many),
    }


def _told(person: Person) -> dict[str, int]:
    return {
        "shirt": _SHIRTS.index(person.shirt),
        "hair": _HAIRS.index(person.who.hair),
        "doing": DOING.index(person.holds or person.action),
    }


def _covered(low: float, high: float) -> slice:
    """The patches whose middles lie between."""
    return slice(max(0, round(low)), max(0, min(GRID, round(high))))


def _patch(place: float) -> int:
    return min(GRID - 1, max(0, int(place)))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
