"""NanoDet (a FCOS-like head trained with the Generalized Focal Loss of Li et al., 2020).

One prediction per cell of grids of stride 8, 16, 32. A class's score tells quality, too,
and has been through its sigmoid. Each of the box's four sides is a distribution over
distances 0, 1 … n from the cell's centre, in strides: what counts is its mean,
Σ i · softmax(logits)ᵢ (section 3.2 of the paper).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.models.base import Array, TensorSpec
from serving.models.detection.decoders.base import Candidates, Decoder
from serving.models.detection.decoders.grid import cells

_STRIDES = (8, 16, 32)


class NanoDet(Decoder):
    """Per stride (cells, classes) scores, then per stride (cells, 4 · (n + 1)) logits, float32.

    The sides come left, top, right, bottom.
    """

    def __init__(self, size: tuple[int, int], classes: int, outputs: Sequence[TensorSpec]) -> None:
        self._centres = [(cells(size, stride) + 0.5) * stride for stride in _STRIDES]
        shapes = [spec.shape[1:] for spec in outputs]
        width = shapes[-1][-1] if shapes and shapes[-1] else 0
        wanted = [(len(level), last) for last in (classes, width) for level in self._centres]
        if shapes != wanted or width < 8 or width % 4:
            scores = ", ".join(str(shape) for shape in wanted[: len(_STRIDES)])
            raise ValueError(
                f"nanodet at this size and with these labels gives scores {scores}, "
                "then as many rows of four distributions"
            )
        self._distances = np.arange(width // 4, dtype=np.float32)

    def __call__(self, outputs: Sequence[Array], min_score: float) -> Candidates:
        levels = len(_STRIDES)
        boxes, scores, class_ids = [], [], []
        for stride, centres, classes, sides in zip(
            _STRIDES, self._centres, outputs[:levels], outputs[levels:], strict=True
        ):
            best = classes.max(axis=1)
            hopeful = np.flatnonzero(best >= min_score)
            boxes.append(self._boxes(centres[hopeful], sides[hopeful], stride))
            scores.append(best[hopeful])
            class_ids.append(classes[hopeful].argmax(axis=1))
        return Candidates.finite(
            np.concatenate(boxes), np.concatenate(scores), np.concatenate(class_ids)
        )

    def _boxes(self, centres: Array, sides: Array, stride: int) -> Array:
        """(n, 2) centres and (n, 4 · bins) logits to (n, 4) boxes."""
        logits = sides.reshape(len(sides), 4, len(self._distances))
        with np.errstate(all="ignore"):
            shares = np.exp(logits - logits.max(axis=2, keepdims=True))
            distances = shares @ self._distances / shares.sum(axis=2) * stride
            return np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
