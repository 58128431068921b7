"""What the detection family takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.images.picture import Picture


@dataclass(frozen=True, slots=True)
class Query:
    """One picture to look at, and what to keep of what is found.

    None and 0 mean the model's own threshold or limit; no labels means all of them.
    """

    picture: Picture
    min_score: float | None = None
    max_overlap: float | None = None
    labels: tuple[str, ...] = ()
    max_results: int = 0


@dataclass(frozen=True, slots=True)
class Detections:
    """Objects on one picture, best first; n may be 0.

    boxes: (n, 4) float32, x_min y_min x_max y_max in pixels of the upright original
    scores: (n,) float32 in 0…1
    class_ids: (n,) int64, indices into the model's labels
    labels: n names
    size: (width, height) of the upright original
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    labels: tuple[str, ...]
    size: tuple[int, int]
