"""Ultra-Light-Fast-Generic-Face-Detector (Linzaer, 2019), its versions RFB and slim.

An SSD over prior boxes of four grids. The published files decode them themselves (centre
variance 0.1, size variance 0.2): what comes out are corners relative to the input, from 0 to
1, and the softmax over background and face. There are no landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.models.base import Array, TensorSpec
from serving.models.face.detectors.base import Candidates, Decoder, cells, rows

# Stride of a grid → how many priors each of its cells has.
_PRIORS = {8: 3, 16: 2, 32: 2, 64: 3}


class Rfb(Decoder):
    """Two outputs: scores (priors, 2) and boxes (priors, 4)."""

    landmarks = False

    def __init__(self, outputs: Sequence[TensorSpec]) -> None:
        widths = [spec.shape[-1] if spec.shape else 0 for spec in outputs]
        if sorted(widths) != [2, 4]:
            raise ValueError(
                "rfb has one output of scores (priors, 2) and one of boxes (priors, 4)"
            )
        self._scores, self._boxes = widths.index(2), widths.index(4)

    def __call__(
        self, outputs: Sequence[Array], size: tuple[int, int], min_score: float
    ) -> Candidates:
        count = sum(len(cells(size, stride)) * each for stride, each in _PRIORS.items())
        scores = rows(outputs[self._scores], count, 2)[:, 1]
        boxes = rows(outputs[self._boxes], count, 4)
        good = np.flatnonzero(scores >= min_score)
        with np.errstate(over="ignore", invalid="ignore"):
            corners = boxes[good] * np.array(size * 2, np.float32)
        return Candidates.sound(corners, scores[good], None)
