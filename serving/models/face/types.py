"""What the face family takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from serving.images.picture import Picture

Task = Literal["detect", "embed", "verify"]
Choice = Literal["all", "largest", "only"]


@dataclass(frozen=True, slots=True)
class Query:
    """Pictures to look for faces on, and what to do with those found.

    None and 0 mean the model's own thresholds, limits and choices.

    task: `verify` takes exactly two pictures and compares one face of each
    choice: with `largest` and `only`, a picture without a face is refused; with `only`, one
        with several is, too
    threshold: the cosine from which two faces are one person's
    sharpness: whether to measure it where nothing is embedded; half a millisecond a face
    """

    pictures: tuple[Picture, ...]
    task: Task = "detect"
    min_score: float | None = None
    max_overlap: float | None = None
    min_size: float | None = None
    max_results: int = 0
    choice: Choice = "all"
    mirror: bool | None = None
    threshold: float | None = None
    sharpness: bool = False


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one picture, best first; n may be 0.

    boxes: (n, 4) float32, x_min y_min x_max y_max in pixels of the upright original
    scores: (n,) float32 in 0…1
    landmarks: (n, 5, 2) float32 x and y in the same pixels: the person's right eye, left
        eye, nose, right and left corner of the mouth; None from detectors without them
    sharpness: (n,) float32, variance of the Laplacian of the aligned face; None without
        landmarks, or where it was not asked for. For the task `detect` a large JPEG is not
        decoded whole, which may make its small faces less sharp than they are
    angles: (n, 3) float32 yaw, pitch, roll in degrees; None without landmarks
    embeddings: (n, d) float32 of length 1; None unless asked for
    size: (width, height) of the upright original
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None
    sharpness: NDArray[np.float32] | None
    angles: NDArray[np.float32] | None
    embeddings: NDArray[np.float32] | None
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a query: the faces of each picture, in order.

    similarity: the cosine between both pictures' faces, for the task `verify`
    threshold: what it was compared with
    """

    pictures: tuple[Faces, ...]
    similarity: float | None = None
    threshold: float | None = None

    @property
    def same_person(self) -> bool:
        return (
            self.similarity is not None
            and self.threshold is not None
            and self.similarity >= self.threshold
        )
