"""DETR (Carion et al., 2020) and its kin: a set of queries, each of which is an object or none.

Boxes are centre, width and height as shares of the input. There are two ways to score:

- with one logit per class, each has its own sigmoid (Deformable DETR, RT-DETR). A query
  may then be of several classes;
- with one more, the last, for "no object", they share a softmax (DETR).

Objects come once, so that nothing need be suppressed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from serving.models.base import Array, TensorSpec
from serving.models.detection.decoders.base import Candidates, Decoder

_ONE = 1e-7  # what a float32 sigmoid may lack to be 1


class Detr(Decoder):
    """Outputs, float32: (queries, classes) or (queries, classes + 1) logits, (queries, 4) boxes."""

    def __init__(self, size: tuple[int, int], classes: int, outputs: Sequence[TensorSpec]) -> None:
        self._size = np.array(size, np.float32)
        shapes = [spec.shape[1:] for spec in outputs]
        queries = shapes[0][0] if shapes and shapes[0] else -1
        widths = {(queries, classes): False, (queries, classes + 1): True}
        if len(shapes) != 2 or shapes[0] not in widths or shapes[1] != (queries, 4):
            raise ValueError(
                f"detr with these labels gives (queries, {classes}) logits, one more where there "
                'is a "no object", and (queries, 4) boxes'
            )
        self._choose = _softmax if widths[shapes[0]] else _sigmoid

    def __call__(self, outputs: Sequence[Array], min_score: float) -> Candidates:
        logits, boxes = outputs
        with np.errstate(all="ignore"):
            queries, class_ids, scores = self._choose(logits, min_score)
            boxes = boxes[queries]
            centres = boxes[:, :2] * self._size
            halves = boxes[:, 2:] * (self._size / 2)
            boxes = np.concatenate([centres - halves, centres + halves], axis=1)
        return Candidates.finite(boxes, scores, class_ids)


def _sigmoid(logits: Array, min_score: float) -> tuple[Array, Array, Array]:
    """Every pair of query and class of at least that score."""
    # Compared as logits, a little generously: few sigmoids are left to compute.
    least = -math.inf
    if min_score > 0:
        odds = min_score / max(1 - min_score, _ONE)
        least = math.log(odds) - 1e-3
    queries, class_ids = np.nonzero(logits >= least)
    scores = 1 / (1 + np.exp(-logits[queries, class_ids]))
    good = scores >= min_score
    return queries[good], class_ids[good], scores[good]


def _softmax(logits: Array, min_score: float) -> tuple[Array, Array, Array]:
    """Every query's best class, where it has that score."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    class_ids = shares[:, :-1].argmax(axis=1)
    scores = shares[np.arange(len(shares)), class_ids]
    queries = np.flatnonzero(scores >= min_score)
    return queries, class_ids[queries], scores[queries]
