"""How well similarities tell one person's pairs from strangers'."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def auc(same: NDArray[np.floating], strangers: NDArray[np.floating]) -> float:
    """The area under the receiver's curve: how often one person's pair is more alike than a
    pair of strangers, an equal one counting half (Mann and Whitney 1947)."""
    ordered = np.sort(strangers)
    below = np.searchsorted(ordered, same, "left")
    equal = np.searchsorted(ordered, same, "right") - below
    return float((below + equal / 2).mean() / len(ordered))


def threshold_at(strangers: NDArray[np.floating], share: float) -> float:
    """The similarity that so small a `share` of strangers' pairs reaches."""
    return float(np.quantile(strangers, 1 - share))


def pairs(
    one: NDArray[np.floating], other: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Cosines of one person's pairs and of strangers', from vectors [n, d] of length 1, where
    rows of `one` and `other` are of the same n people."""
    cosines = one @ other.T
    return np.diag(cosines), cosines[~np.eye(len(cosines), dtype=bool)]
