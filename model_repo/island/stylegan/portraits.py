"""Portraits for the generator: drawn once, kept on disk, and dealt out in numbered batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from model_repo.island.stylegan.draws import Draws, latents
from model_repo.island.training.pictures import Pictures
from model_repo.island.world import SPLITS, Expression, Identity, face
from model_repo.island.world.dice import Dice
from model_repo.island.world.splits import split_of

SIZE: Final = 64
_KEY: Final = 41  # of the dice that choose who and how
# Around each eye and the mouth errors count this much more, within so many pixels.
_STRESS, _REACH = 4.0, 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """images: (n, 3, 64, 64) within [-1, 1]; z: (n, Z_DIM); stress: (n, 1, 64, 64), at least 1,
    how much each pixel's error counts. All float32."""

    images: Tensor
    z: Tensor
    stress: Tensor


class Portraits:
    """Pictures of a split as `draw` makes them, and what it tells of each.

    Latents are drawn anew whenever a portrait is dealt, so that what it does not tell of stays
    noise. `key` tells one set's chance from another's.
    """

    def __init__(
        self, images: Sequence[np.ndarray], truths: Sequence[dict[str, Any]], key: int
    ) -> None:
        self._images, self._truths, self._key = images, truths, key

    @classmethod
    def kept(cls, split: str, count: int) -> Portraits:
        """The first `count` portraits of a split: its people in turn, expressions whose factors
        are drawn independently, and the split's scenes. They are drawn once and kept on disk."""
        pictures = Pictures("portraits", draw, SPLITS[split].seeds.start, count)
        return cls(pictures.images, pictures.truths, list(SPLITS).index(split))

    def batch(self, number: int, size: int) -> Batch:
        """Batch `number` of `size` portraits, the same for the same arguments; each comes once
        in a round, and every round is shuffled."""
        count = len(self._truths)
        places = [
            int(_order(self._key, place // count, count)[place % count])
            for place in range(number * size, (number + 1) * size)
        ]
        truths = [self._truths[place] for place in places]
        draws = [
            Draws.of(each["person"], Expression(*each["how"]), each["seed"]) for each in truths
        ]
        random = np.random.RandomState([_KEY, self._key, number])
        landmarks = np.array([each["landmarks"] for each in truths], np.float32)
        images = np.stack([self._images[place] for place in places])
        z = torch.from_numpy(latents(draws, random))
        return Batch(signed(images), z, _stress(landmarks))


def draw(seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """The portrait with this seed, and what `Portraits` needs to know of it."""
    people = split_of(seed).people
    how = Expression.draw(Dice(_KEY, seed))
    person = people[seed % len(people)]
    portrait = face(Identity.of(person), how, SIZE, seed=seed)
    factors = (how.eyes, how.mouth, how.turn, how.smile)
    truth = {"person": person, "seed": seed, "how": factors, "landmarks": portrait.truth.landmarks}
    return portrait.image, truth


def signed(images: np.ndarray) -> Tensor:
    """uint8 (n, h, w, 3) → float32 (n, 3, h, w) within [-1, 1], the other way round of what the
    generator's pictures are shown by."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    return (pixels - 127.5) / 127.5


def _stress(landmarks: np.ndarray) -> Tensor:
    """landmarks: (n, 5, 2) as `FaceTruth` has them."""
    mouth = (landmarks[:, 3] + landmarks[:, 4]) / 2 + np.array([0, 2], np.float32)
    middles = np.stack((landmarks[:, 0], landmarks[:, 1], mouth), axis=1)[:, :, None]
    grid = np.arange(SIZE, dtype=np.float32) + 0.5
    x, y = (np.exp(-(((grid - middles[..., axis]) / _REACH) ** 2) / 2) for axis in (0, 1))
    near = (y[..., :, None] * x[..., None, :]).max(axis=1)
    return torch.from_numpy(1 + _STRESS * near)[:, None]


@lru_cache(maxsize=2)
def _order(key: int, round_: int, count: int) -> np.ndarray:
    return np.random.RandomState([_KEY, key, round_]).permutation(count)
