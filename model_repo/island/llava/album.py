"""The photographs the model learns from, with all that is true of them: what is kept on disk says
what is where, the world's plan says the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model_repo.island.training.pictures import Pictures
from model_repo.island.world.canvas import Box
from model_repo.island.world.faces import FaceTruth
from model_repo.island.world.plans import PlacedPerson, plan
from model_repo.island.world.scene import Person, Photograph, Thing


class Album(Sequence[Photograph]):
    """Pictures of seeds from `first` on, as the world took them.

    Random choices among them come numbered, so that a training sees the same again.
    """

    def __init__(self, pictures: Pictures, first: int) -> None:
        self._pictures = pictures
        self._first = first

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: Any) -> Any:
        told = self._pictures.truths[index]
        return known(self._first + index, self._pictures.images[index], told)

    def batch(self, number: int, size: int, seed: int) -> list[Photograph]:
        """Every picture comes once before any comes again; what is left of a round is left."""
        turn, place = divmod(number, max(1, len(self) // size))
        order = np.random.default_rng((seed, turn)).permutation(len(self))
        return [self[int(index)] for index in order[place * size : (place + 1) * size]]


def known(seed: int, image: np.ndarray, told: Mapping[str, Any]) -> Photograph:
    """The photograph with this seed, of what `training.photographs` tells of it; not drawn again.

    Landmarks of faces are those told; all else is as `world.photograph` has it.
    """
    scene = plan(seed)
    return Photograph(
        seed,
        image,
        scene.place.name,
        scene.weather,
        scene.time,
        tuple(Thing(thing["name"], _box(thing["box"])) for thing in told["things"]),
        tuple(_person(each, scene.people) for each in told["people"]),
    )


def _person(told: Mapping[str, Any], planned: Sequence[PlacedPerson]) -> Person:
    """The one whose face was planned nearest, for faces never touch."""
    box = _box(told["face"]["box"])
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    who = min(planned, key=lambda each: math.dist((each.x, each.y), middle))
    a, b, c, d, e = ((float(x), float(y)) for x, y in told["face"]["landmarks"])
    face = FaceTruth(box, (a, b, c, d, e))
    return Person(who.who, who.how, who.action, who.holds, who.shirt, _box(told["box"]), face)


def _box(told: Sequence[float]) -> Box:
    x_min, y_min, x_max, y_max = (float(side) for side in told)
    return x_min, y_min, x_max, y_max
