"""YuNet (Wu et al., 2023; libfacedetection): anchor-free, one face per cell of three grids.

For each stride of 8, 16, 32 there are the outputs cls, obj, bbox (dx, dy, log w, log h) and
kps (five times dx, dy). Class score and objectness have been through their sigmoids; the
face's score is the geometric mean of both. The rest is relative to the cell and in strides:
centre = (cell + dxy) · stride, size = exp(log wh) · stride, landmark = (cell + dxy) · stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

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
        self._places = {
            kind: [places[f"{kind}_{stride}"] for stride in _STRIDES] for kind in _WIDTHS
        }

    def __call__(
        self, outputs: Sequence[Array], size: tuple[int, int], min_score: float
    ) -> Candidates:
        grid, strides, counts = _cells(size)

        def output(kind: str) -> Array:
            of_strides = [outputs[place] for place in self._places[kind]]
            parts = zip(of_strides, counts, strict=True)
            return np.concatenate([rows(part, count, _WIDTHS[kind]) for part, count in parts])

        # Both are shares of 1: hardly any cell has enough of one, let alone of their product.
        classes, objectness = output("cls")[:, 0], output("obj")[:, 0]
        hopeful = np.flatnonzero(classes >= min_score * min_score)
        shares = np.clip(classes[hopeful], 0, 1) * np.clip(objectness[hopeful], 0, 1)
        scores = np.sqrt(shares)
        good = hopeful[scores >= min_score]
        scores = scores[scores >= min_score]
        if not len(good):
            return _NONE
        grid, strides, boxes = grid[good], strides[good], output("bbox")[good]
        landmarks = output("kps")[good].reshape(-1, 5, 2)
        with np.errstate(over="ignore", invalid="ignore"):
            centres = (grid + boxes[:, :2]) * strides
            halves = np.exp(boxes[:, 2:]) * (strides / 2)
            points = (grid[:, None] + landmarks) * strides[:, None]
            corners = np.concatenate([centres - halves, centres + halves], axis=1)
        return Candidates.sound(corners, scores, points)


@lru_cache(maxsize=128)
def _cells(size: tuple[int, int]) -> tuple[Array, Array, tuple[int, ...]]:
    """Of all grids: (n, 2) cells, (n, 1) strides, and how many cells each grid has."""
    grids = [cells(size, stride) for stride in _STRIDES]
    counts = tuple(map(len, grids))
    strides = np.repeat(np.array(_STRIDES, np.float32), counts)[:, None]
    return np.concatenate(grids), strides, counts


_NONE = Candidates(
    np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32)
)
