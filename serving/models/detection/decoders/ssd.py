"""SSD (Liu et al., 2016) on a feature pyramid (Lin et al., 2017), in STMicroelectronics' form.

Every anchor has a softmax over background and the classes, and four offsets. Unlike the
papers', which move centres and stretch sizes, these move corners: an offset is the way
from the anchor's corner to the box's, in the anchor's width or height and without a
variance. The anchors come as an output; they cover the input, of which they are shares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.models.base import Array, TensorSpec
from serving.models.detection.decoders.base import Candidates, Decoder

# Background and class sum to at most 1, where 8 bits have not rounded both of them up.
_ROUNDING = 1 / 256


class Ssd(Decoder):
    """Outputs, float32: (anchors, 1 + classes) scores with the background first, (anchors, 4)
    offsets, (anchors, 4) anchors; x_min y_min x_max y_max both.
    """

    def __init__(self, size: tuple[int, int], classes: int, outputs: Sequence[TensorSpec]) -> None:
        shapes = [spec.shape[1:] for spec in outputs]
        anchors = shapes[0][0] if shapes and shapes[0] else -1
        if shapes != [(anchors, 1 + classes), (anchors, 4), (anchors, 4)]:
            raise ValueError(
                f"ssd with these labels gives (anchors, {1 + classes}) scores, the background "
                "first, and twice (anchors, 4): offsets and anchors"
            )
        self._size = np.array(size * 2, np.float32)

    def __call__(self, outputs: Sequence[Array], min_score: float) -> Candidates:
        classes, offsets, anchors = outputs
        # The background alone rules out nearly every anchor.
        hopeful = np.flatnonzero(classes[:, 0] <= 1 - min_score + _ROUNDING)
        found = classes[hopeful, 1:]
        best = found.max(axis=1)
        good = np.flatnonzero(best >= min_score)
        hopeful = hopeful[good]
        anchors = anchors[hopeful]
        with np.errstate(all="ignore"):
            sides = anchors[:, 2:] - anchors[:, :2]
            boxes = (anchors + offsets[hopeful] * np.tile(sides, 2)) * self._size
        return Candidates.finite(boxes, best[good], found[good].argmax(axis=1))
