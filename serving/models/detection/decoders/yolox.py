"""YOLOX (Ge et al., 2021): anchor-free, one prediction per cell of grids of stride 8, 16, 32.

A prediction is x, y, w, h, objectness and one score per class. Objectness and scores have
been through their sigmoids in the network; the box is still relative to its cell:
centre = (xy + cell) · stride, size = exp(wh) · stride.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.models.base import Array, TensorSpec
from serving.models.detection.decoders.base import Candidates, Decoder
from serving.models.detection.decoders.grid import pyramid

_STRIDES = (8, 16, 32)
_BOX = 5  # x, y, w, h, objectness; the classes follow


class Yolox(Decoder):
    """One output (cells, 5 + classes) float32."""

    def __init__(self, size: tuple[int, int], classes: int, outputs: Sequence[TensorSpec]) -> None:
        self._cells, self._strides = pyramid(size, _STRIDES)
        wanted = (len(self._cells), _BOX + classes)
        if [spec.shape[1:] for spec in outputs] != [wanted]:
            raise ValueError(f"yolox at this size and with these labels gives one output {wanted}")

    def __call__(self, outputs: Sequence[Array], min_score: float) -> Candidates:
        (predictions,) = outputs
        # No class score exceeds 1: objectness alone rules out nearly every cell.
        hopeful = np.flatnonzero(predictions[:, 4] >= min_score)
        rows = predictions[hopeful]
        class_ids = rows[:, _BOX:].argmax(axis=1)
        with np.errstate(all="ignore"):
            scores = rows[:, 4] * rows[np.arange(len(rows)), _BOX + class_ids]
            good = np.flatnonzero(scores >= min_score)
            hopeful, rows = hopeful[good], rows[good]
            strides = self._strides[hopeful]
            centres = (rows[:, :2] + self._cells[hopeful]) * strides
            halves = np.exp(rows[:, 2:4]) * (strides / 2)
            boxes = np.concatenate([centres - halves, centres + halves], axis=1)
        return Candidates.finite(boxes, scores[good], class_ids[good])
