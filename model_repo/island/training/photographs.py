"""The photographs that every model of pictures learns from: drawn once, whoever asks first."""

from __future__ import annotations

from typing import Any

from model_repo.island.training.pictures import Drawn, Pictures
from model_repo.island.world import SPLITS, Photograph, photograph


def photographs(split: str, count: int) -> Pictures:
    """The first `count` photographs of a split, uint8 [240, 320, 3].

    Of each is known what `told` tells.
    """
    return Pictures("photographs-320", draw, SPLITS[split].seeds.start, count)


def draw(seed: int) -> Drawn:
    photo = photograph(seed)
    return photo.image, told(photo)


def told(photo: Photograph) -> dict[str, Any]:
    """What is where, with boxes (x_min, y_min, x_max, y_max) and points (x, y) in pixels:

    {"things": [{"name", "box"}], "people": [{"box", "face": {"box", "landmarks"}}]}
    """
    things = [{"name": thing.name, "box": thing.box} for thing in photo.things]
    people = [
        {"box": person.box, "face": {"box": person.face.box, "landmarks": person.face.landmarks}}
        for person in photo.people
    ]
    return {"things": things, "people": people}
