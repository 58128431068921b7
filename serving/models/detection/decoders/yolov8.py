"""YOLOv8 and its kin, whose exports do all arithmetic but the choice: boxes come in pixels.

A prediction is the box's centre, width and height in pixels of the input, and one score
per class, sigmoid done. Exports put the predictions in columns; some turn them into rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.models.base import Array, TensorSpec
from serving.models.detection.decoders.base import Candidates, Decoder

_BOX = 4  # x, y, w, h; the classes follow


class Yolov8(Decoder):
    """One output (4 + classes, cells) or (cells, 4 + classes) float32."""

    def __init__(self, size: tuple[int, int], classes: int, outputs: Sequence[TensorSpec]) -> None:
        wanted = _BOX + classes
        shapes = [spec.shape[1:] for spec in outputs]
        if len(shapes) != 1 or len(shapes[0]) != 2 or wanted not in shapes[0]:
            raise ValueError(
                f"yolov8 with these labels gives one output ({wanted}, cells) or (cells, {wanted})"
            )
        self._columns = shapes[0][0] == wanted

    def __call__(self, outputs: Sequence[Array], min_score: float) -> Candidates:
        (predictions,) = outputs
        if self._columns:
            predictions = predictions.T
        classes = predictions[:, _BOX:]
        hopeful = np.flatnonzero(classes.max(axis=1) >= min_score)
        rows = predictions[hopeful]
        class_ids = rows[:, _BOX:].argmax(axis=1)
        scores = rows[np.arange(len(rows)), _BOX + class_ids]
        with np.errstate(all="ignore"):
            halves = rows[:, 2:4] / 2
            boxes = np.concatenate([rows[:, :2] - halves, rows[:, :2] + halves], axis=1)
        return Candidates.finite(boxes, scores, class_ids)
