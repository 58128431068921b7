"""SCRFD (Guo et al., 2021): two anchors per cell of three grids, distances from the cell.

First the scores of strides 8, 16, 32, then their boxes, then, in the versions with
keypoints, their landmarks. Scores have been through their sigmoids. A box is how far its
left, top, right and bottom side are from the cell's corner (column, row) · stride, a
landmark how far it is from there, all in strides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.models.base import Array, TensorSpec
from serving.models.face.detectors.base import Candidates, Decoder, cells, rows

_STRIDES = (8, 16, 32)
_ANCHORS = 2
_WIDTHS = [1, 1, 1, 4, 4, 4]


class Scrfd(Decoder):
    """Six outputs, or nine with keypoints; names mean nothing, their order everything."""

    def __init__(self, outputs: Sequence[TensorSpec]) -> None:
        widths = [spec.shape[-1] if spec.shape else 0 for spec in outputs]
        self.landmarks = len(outputs) == 9
        wanted = _WIDTHS + [10, 10, 10] * self.landmarks
        # Files of free size may leave the last dimension open, too.
        if len(widths) != len(wanted) or any(
            width not in (-1, due) for width, due in zip(widths, wanted, strict=True)
        ):
            raise ValueError("scrfd has three outputs each: scores, boxes and perhaps landmarks")

    def __call__(
        self, outputs: Sequence[Array], size: tuple[int, int], min_score: float
    ) -> Candidates:
        parts = [
            self._of_stride(stride, outputs[place::3], size, min_score)
            for place, stride in enumerate(_STRIDES)
        ]
        boxes, scores, landmarks = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Candidates.sound(boxes, scores, landmarks if self.landmarks else None)

    def _of_stride(
        self, stride: int, outputs: Sequence[Array], size: tuple[int, int], min_score: float
    ) -> tuple[Array, Array, Array]:
        grid = np.repeat(cells(size, stride) * stride, _ANCHORS, axis=0)
        scores = rows(outputs[0], len(grid), 1)[:, 0]
        good = np.flatnonzero(scores >= min_score)
        corner = grid[good]
        with np.errstate(over="ignore", invalid="ignore"):
            sides = rows(outputs[1], len(grid), 4)[good] * stride
            boxes = np.concatenate([corner - sides[:, :2], corner + sides[:, 2:]], axis=1)
            if not self.landmarks:
                return boxes, scores[good], np.empty((len(good), 0), np.float32)
            points = rows(outputs[2], len(grid), 10)[good].reshape(-1, 5, 2) * stride
            points += corner[:, None]
        return boxes, scores[good], points
