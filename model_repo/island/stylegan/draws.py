"""A portrait's draws: every random choice that made it, and latents that tell of them.

The world draws each property of a person and of a scene by one uniform number from a `Dice`
of its own; rolled again in the same order, those numbers are a portrait's whole truth. Here
they become a latent z of the standard normal distribution, in which a property that varies
smoothly is one number and a choice among k things is the largest of k. Nothing is rendered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_repo.island.world.dice import Dice
from model_repo.island.world.people import Expression

Z_DIM: Final = 128

# In the order in which the world rolls them, with how many things there are to choose among;
# 1 is a number that varies smoothly, or a yes or no of some probability.
_PERSON: Final = (
    ("width", 1), ("first name", 0), ("second name", 0), ("skin", 6), ("hair", 8),
    ("fringe", 7), ("back", 7), ("iris", 5), ("jaw", 1), ("chin", 1), ("eye gap", 1),
    ("eye height", 1), ("eye size", 1), ("brow thick", 1), ("brow tilt", 1), ("brow lift", 1),
    ("nose", 3), ("nose size", 1), ("mouth width", 1), ("mouth height", 1), ("lips", 3),
    ("glasses", 5), ("frame", 4), ("freckles", 1), ("beard", 1), ("earrings", 1),
)  # fmt: skip
_SCENE: Final = (
    ("wall", 5), ("light x", 1), ("light y", 1), ("shirt", 6), ("light", 1), ("warmth", 1),
)  # fmt: skip
_EXPRESSION: Final = (("eyes", 1), ("mouth", 1), ("turn", 1), ("smile", 1))
# Last, on which side a pony tail hangs: the person's number is even or odd.
_TABLE: Final = (*_EXPRESSION, *_PERSON, *_SCENE, ("side", 1))
NAMES: Final = tuple(name for name, choices in _TABLE if choices)
CHOICES: Final = tuple(choices for _, choices in _TABLE if choices)
_PERSON_KEY, _SCENE_KEY = 1, 3  # of the world's dice
_EDGE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Draws:
    """The uniform numbers of one portrait, one for each of NAMES, each within [0, 1)."""

    numbers: tuple[float, ...]

    @classmethod
    def of(cls, person: int, how: Expression, seed: int) -> Draws:
        """Of `face(Identity.of(person), how, seed=seed)`."""
        expression = (how.eyes, how.mouth, (how.turn + 1) / 2, how.smile)
        side = 0.25 if person % 2 else 0.75
        rolled = [*_rolled(_PERSON, _PERSON_KEY, person), *_rolled(_SCENE, _SCENE_KEY, seed)]
        return cls((*expression, *rolled, side))

    def chosen(self, name: str) -> int:
        """Which of the things there are to choose among; ValueError for an unknown name."""
        at = NAMES.index(name)
        return int(self.numbers[at] * CHOICES[at])


def latents(draws: list[Draws], random: np.random.RandomState) -> NDArray[np.float32]:
    """z (n, Z_DIM) float32, drawn from the standard normal given what each portrait shows.

    Over all portraits z is standard normal: a smooth number is mapped by the inverse of the
    normal's distribution function, of k numbers the largest is put in the place of what was
    chosen, and what remains is noise that nothing depends on.
    """
    z = random.randn(len(draws), Z_DIM)
    uniform = np.array([each.numbers for each in draws])
    rows = np.arange(len(draws))
    at = 0
    for column, choices in enumerate(CHOICES):
        if choices == 1:
            inside = np.clip(uniform[:, column], _EDGE, 1 - _EDGE)
            z[:, at] = torch.special.ndtri(torch.from_numpy(inside)).numpy()
        else:
            block = z[:, at : at + choices]
            chosen = (uniform[:, column] * choices).astype(int)
            largest = block.argmax(axis=1)
            block[rows, chosen], block[rows, largest] = (
                block[rows, largest].copy(),
                block[rows, chosen].copy(),
            )
        at += choices
    return z.astype(np.float32)


def shown(z: NDArray[np.float32]) -> NDArray[np.float64]:
    """What latents (n, Z_DIM) tell of: (n, len(NAMES)), a smooth number's uniform one, and
    else the number of what is chosen."""
    columns = []
    at = 0
    for choices in CHOICES:
        block = z[:, at : at + choices].astype(np.float64)
        if choices == 1:
            columns.append(torch.special.ndtr(torch.from_numpy(block[:, 0])).numpy())
        else:
            columns.append(block.argmax(axis=1).astype(np.float64))
        at += choices
    return np.stack(columns, axis=1)


def _rolled(table: tuple[tuple[str, int], ...], *key: int) -> list[float]:
    dice = Dice(*key)
    return [number for number, (_, choices) in ((dice.random(), row) for row in table) if choices]
