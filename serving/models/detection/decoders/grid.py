"""The cells of a network's grids, level after level, row after row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def cells(size: tuple[int, int], stride: int) -> NDArray[np.float32]:
    """(columns · rows, 2) float32: column and row of every cell, for inputs of (width, height)."""
    rows, columns = np.indices((size[1] // stride, size[0] // stride), dtype=np.float32)
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def pyramid(
    size: tuple[int, int], strides: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(n, 2) cells of all levels and their (n, 1) strides, both float32."""
    levels = [cells(size, stride) for stride in strides]
    repeated = np.repeat(np.array(strides, np.float32), [len(level) for level in levels])
    return np.concatenate(levels), repeated[:, None]
