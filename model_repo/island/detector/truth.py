"""What the detector is to find, and the form in which it sees a photograph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from model_repo.island.world import NAMES
from serving.models.detection.options import Input

# The things keep their order in the world, so that a class's number is a thing's; people follow,
# because they are what most photographs are taken of.
CLASSES: Final = (*NAMES, "person")
# Four fifths of the world's own 320 × 240, at which the network costs half as much and its
# smallest objects are still two cells wide; the filter smooths when it shrinks, so that large
# photographs look as the small ones it learned from.
INPUT: Final = Input(size=(256, 192), filter="triangle")


@dataclass(frozen=True, slots=True)
class Truth:
    """boxes: float32 [n, 4], x_min y_min x_max y_max in pixels; classes: int64 [n]."""

    boxes: np.ndarray
    classes: np.ndarray

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Truth:
        """From what `training.photographs` tells of a photograph."""
        found = [(CLASSES.index(thing["name"]), thing["box"]) for thing in told["things"]]
        found += [(CLASSES.index("person"), person["box"]) for person in told["people"]]
        return cls(
            np.array([box for _, box in found], np.float32).reshape(-1, 4),
            np.array([number for number, _ in found], np.int64),
        )
