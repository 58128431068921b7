"""Chance: the one way the island draws a random choice, the same on every machine."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")


class Dice:
    """Random choices from PCG64, keyed by a tuple of non-negative integers.

    Only the raw 64-bit words and products of doubles are used, never a distribution of
    numpy's whose method may change between releases.
    """

    __slots__ = ("_words",)

    def __init__(self, *key: int) -> None:
        self._words = np.random.PCG64(np.random.SeedSequence(key))

    def random(self) -> float:
        """A double in [0, 1) with 53 random bits."""
        return (int(self._words.random_raw()) >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """An integer in [low, high], both ends included."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[int(self.random() * len(choices))]

    def weighted(self, choices: Sequence[_T], weights: Sequence[int]) -> _T:
        mark = self.random() * sum(weights)
        for choice, weight in zip(choices, weights, strict=True):
            mark -= weight
            if mark < 0:
                return choice
        return choices[-1]

    def sample(self, choices: Sequence[_T], count: int) -> list[_T]:
        """`count` different members of `choices`, in random order."""
        left = list(choices)
        return [left.pop(int(self.random() * len(left))) for _ in range(count)]

    def bytes(self, count: int) -> np.ndarray:
        """`count` random bytes as uint8, little end of each word first."""
        words = self._words.random_raw((count + 7) // 8)
        return np.asarray(words, dtype="<u8").view(np.uint8)[:count]
