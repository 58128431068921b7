"""YuNet (Wu et al., 2023; libfacedetection): anchor-free, one face per cell of three grids.

For each stride of 8, 16, 32 there are the outputs cls, obj, bbox (dx, dy, log w, log h) and
kps (five times dx, dy). Class score and objectness have been through their sigmoids; the
face's score is the geometric mean of both. The rest is relative to the cell and in strides:
centre = (cell + dxy) · stride, size = exp(log wh) · stride, landmark = (cell + dxy) · stride.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.models.base import Array, TensorSpec
from serving.models.face.detectors.base import Candidates, Decoder, cells, rows

_STRIDES = (8, 16, 32)
_WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


class YuNet(Decoder):
    """Twelve outputs, told apart by name: cls_8 … kps_32."""

    landmarks = True

    def __init__(self, outputs: Sequence[TensorSpec]) -> None:
        places = {spec.name: index for index, spec in enumerate(outputs)}
        wanted = [f"{kind}_{stride}" for stride in _STRIDES for kind in _WIDTHS]
        if set(places) != set(wanted):
            raise ValueError(f"yunet has the outputs {', '.join(wanted)}")
        self._places = [
            (stride, [places[f"{kind}_{stride}"] for kind in _WIDTHS]) for stride in _STRIDES
        ]

    def __call__(
        self, outputs: Sequence[Array], size: tuple[int, int], min_score: float
    ) -> Candidates:
        parts = [
            self._of_stride(stride, [outputs[place] for place in places], size, min_score)
            for stride, places in self._places
        ]
        boxes, scores, landmarks = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Candidates.sound(boxes, scores, landmarks)

    def _of_stride(
        self, stride: int, outputs: Sequence[Array], size: tuple[int, int], min_score: float
    ) -> tuple[Array, Array, Array]:
        grid = cells(size, stride)
        classes, objectness, boxes, landmarks = (
            rows(output, len(grid), width)
            for output, width in zip(outputs, _WIDTHS.values(), strict=True)
        )
        scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objectness[:, 0], 0, 1))
        good = np.flatnonzero(scores >= min_score)
        grid, boxes = grid[good], boxes[good]
        with np.errstate(over="ignore", invalid="ignore"):
            centres = (grid + boxes[:, :2]) * stride
            halves = np.exp(boxes[:, 2:]) * (stride / 2)
            points = (grid[:, None] + landmarks[good].reshape(-1, 5, 2)) * stride
            corners = np.concatenate([centres - halves, centres + halves], axis=1)
        return corners, scores[good], points
