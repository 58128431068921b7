"""What every decoder of detections does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.models.base import Array, TensorSpec

_FAR = 1e6  # pixels from the input's corner; no box of a sound network reaches so far


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes that may overlap, in no order; all of them finite.

    boxes: (n, 4) float32, x_min y_min x_max y_max in pixels of the network's input
    scores: (n,) float32; class_ids: (n,) int64
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]

    @classmethod
    def finite(cls, boxes: Array, scores: Array, class_ids: Array) -> Candidates:
        """Without the endless boxes and scores of a network gone astray: they mean nothing."""
        good = (np.abs(boxes) < _FAR).all(axis=1)  # false for NaN, too
        good &= np.isfinite(scores)
        if not good.all():
            boxes, scores, class_ids = boxes[good], scores[good], class_ids[good]
        return cls(boxes, scores, class_ids)


class Decoder(ABC):
    @abstractmethod
    def __init__(self, size: tuple[int, int], classes: int, outputs: Sequence[TensorSpec]) -> None:
        """For inputs of `size` (width, height); ValueError if the outputs do not fit."""

    @abstractmethod
    def __call__(self, outputs: Sequence[Array], min_score: float) -> Candidates:
        """One picture's candidates of at least `min_score`; outputs without batch dimension."""
