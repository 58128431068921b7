"""The island: photographs and portraits of a small cartoon world, with all that is true of them.

Everything is drawn from a seed; the same seed gives the same pixels on every machine. Nothing
here is learned, and nothing is read from disk.
"""

from model_repo.island.world.captions import Answered, ask, describe
from model_repo.island.world.faces import FaceTruth
from model_repo.island.world.measure import Measured, measure
from model_repo.island.world.people import Expression, Identity
from model_repo.island.world.portraits import Portrait, face
from model_repo.island.world.scene import Person, Photograph, Thing, photograph
from model_repo.island.world.splits import SPLITS, Split
from model_repo.island.world.things import KINDS, NAMES

__all__ = [
    "KINDS",
    "NAMES",
    "SPLITS",
    "Answered",
    "Expression",
    "FaceTruth",
    "Identity",
    "Measured",
    "Person",
    "Photograph",
    "Portrait",
    "Split",
    "Thing",
    "ask",
    "describe",
    "face",
    "measure",
    "photograph",
]
