"""Boxes on pictures, whatever they show: x_min, y_min, x_max, y_max in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def suppress(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.int64] | None = None,
    *,
    max_overlap: float,
    limit: int,
) -> NDArray[np.intp]:
    """Non-maximum suppression: indices of the boxes that stay, best first, at most `limit`.

    boxes: (n, 4) finite; scores, class_ids: (n,). A box goes when it overlaps a better one
    by more than `max_overlap` (intersection over union); with `class_ids`, only one of its
    own class.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while left.size and len(kept) < limit:
        best, left = left[0], left[1:]
        kept.append(best)
        others = boxes[left]
        corners = np.minimum(boxes[best, 2:], others[:, 2:])
        sides = corners - np.maximum(boxes[best, :2], others[:, :2])
        np.maximum(sides, 0, out=sides)
        shared = sides[:, 0] * sides[:, 1]
        union = areas[best] + areas[left] - shared
        # Multiplied out, so that boxes without an area need no special case.
        overlaps = shared > max_overlap * union
        if class_ids is not None:
            overlaps &= class_ids[left] == class_ids[best]
        left = left[~overlaps]
    return np.array(kept, dtype=np.intp)
