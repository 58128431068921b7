"""What every decoder of detections does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.models.base import Array, TensorSpec


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes that may overlap, in no order.

    boxes: (n, 4) float32, x_min y_min x_max y_max in pixels of the network's input
    scores: (n,) float32; class_ids: (n,) int64
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]


class Decoder(ABC):
    @abstractmethod
    def __init__(self, size: tuple[int, int], classes: int, outputs: Sequence[TensorSpec]) -> None:
        """For inputs of `size` (width, height); ValueError if the outputs do not fit."""

    @abstractmethod
    def __call__(self, outputs: Sequence[Array], min_score: float) -> Candidates:
        """One picture's candidates of at least `min_score`; outputs without batch dimension."""
