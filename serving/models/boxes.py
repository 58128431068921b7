"""Boxes on pictures, whatever they show: x_min, y_min, x_max, y_max in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# At a threshold of 0 every cell of a network competes; more of them find nothing more.
_MOST = 1000
_BLOCK = 64  # boxes compared with all others at once: a seventh of the time one by one takes


def suppress(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.int64] | None = None,
    *,
    max_overlap: float | None,
    limit: int,
) -> NDArray[np.intp]:
    """Non-maximum suppression: indices of the boxes that stay, best first, at most `limit`.

    boxes: (n, 4) finite; scores, class_ids: (n,). A box goes when it overlaps a better one
    of its class by more than `max_overlap` (intersection over union). Without `class_ids`
    all are of one class; without `max_overlap` none goes. The best 1,000 compete, or
    `limit` if that is more.
    """
    nothing_goes = max_overlap is None or max_overlap >= 1
    left = _best(scores, limit if nothing_goes else max(limit, _MOST))
    if max_overlap is None or nothing_goes:
        return left
    kinds = np.zeros(len(scores), np.int64) if class_ids is None else class_ids
    kept: list[int] = []
    while left.size and len(kept) < limit:
        block = left[:_BLOCK]
        rivals = _overlap(boxes[block], boxes[left], max_overlap)
        rivals &= kinds[block, None] == kinds[left]
        gone = np.zeros(len(left), np.bool_)
        for row, index in enumerate(block):
            if not gone[row]:
                kept.append(index)
                gone |= rivals[row]
        left = left[len(block) :][~gone[len(block) :]]
    return np.array(kept[:limit], np.intp)


def _overlap(
    some: NDArray[np.float32], others: NDArray[np.float32], least: float
) -> NDArray[np.bool_]:
    """(n, 4) and (m, 4) boxes to (n, m): whether they overlap by more than `least`."""
    low, high = some.T[:2, :, None], some.T[2:, :, None]
    others = np.ascontiguousarray(others.T)
    sides = np.minimum(high, others[2:, None])
    sides -= np.maximum(low, others[:2, None])
    np.maximum(sides, 0, out=sides)
    shared = sides[0] * sides[1]
    union = np.prod(high - low, axis=0) + np.prod(others[2:] - others[:2], axis=0)
    union -= shared
    # Multiplied out, so that boxes without an area need no special case.
    union *= least
    overlaps: NDArray[np.bool_] = shared > union
    return overlaps


def _best(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Indices of the `count` best, best first; of equals, the first."""
    return np.argsort(-scores, kind="stable")[:count]
