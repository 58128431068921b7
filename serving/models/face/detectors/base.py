"""What every decoder of faces does, and the grids they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from serving.models.base import Array, TensorSpec

_FAR = 1e6  # pixels


@dataclass(frozen=True, slots=True)
class Candidates:
    """Faces that may overlap, in no order; all numbers are finite and of a sane size.

    boxes: (n, 4) float32, x_min y_min x_max y_max in pixels of the network's input
    scores: (n,) float32
    landmarks: (n, 5, 2) float32 in the same pixels, or None
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None

    @classmethod
    def sound(cls, boxes: Array, scores: Array, landmarks: Array | None) -> Candidates:
        """Without those that are nowhere near a picture: a network gone astray made them."""
        good = (np.abs(boxes) < _FAR).all(axis=1) & np.isfinite(scores)  # false for NaN, too
        if landmarks is not None:
            good &= (np.abs(landmarks) < _FAR).all(axis=(1, 2))
            landmarks = landmarks[good]
        return cls(boxes[good], scores[good], landmarks)


class Decoder(ABC):
    """`landmarks` says whether the network gives any."""

    landmarks: bool

    @abstractmethod
    def __init__(self, outputs: Sequence[TensorSpec]) -> None:
        """Raises ValueError if these are not the outputs of such a network."""

    @abstractmethod
    def __call__(
        self, outputs: Sequence[Array], size: tuple[int, int], min_score: float
    ) -> Candidates:
        """One picture's candidates of at least `min_score`; outputs without batch dimension.

        size: (width, height) of the network's input. Raises ValueError if the outputs are
        not those of an input of this size.
        """


@lru_cache(maxsize=128)
def cells(size: tuple[int, int], stride: int) -> NDArray[np.float32]:
    """(n, 2) float32: column and row of a grid's cells, row by row; not to be written to."""
    rows, columns = np.indices((-(-size[1] // stride), -(-size[0] // stride)), dtype=np.float32)
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def rows(output: Array, count: int, width: int) -> Array:
    """An output as (count, width), whatever leading dimensions of 1 it has."""
    if output.size != count * width or output.shape[-1] != width:
        raise ValueError(f"an output has shape {output.shape} where ({count}, {width}) is due")
    return output.reshape(count, width)
