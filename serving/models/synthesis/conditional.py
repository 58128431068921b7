"""Conditional manipulation: a direction that leaves others as they are; knows no names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

# What is left at less than 3 degrees from the kept ones is noise of whoever found them.
_LEAST = 0.05
# Kept directions whose rest is shorter than this are those before them over again.
_NEW = 1e-6


def without(rows: Rows, kept: Sequence[Rows]) -> Rows | None:
    """`rows` (n, dim) less its projection, row by row, on the span of those of `kept`.

    Shen et al. 2020 (arXiv 1907.10786), section 3.3: with n₁ᵀn₂ the cosine of two unit
    directions, n₁ − (n₁ᵀn₂) n₂ changes the first and leaves the second. Rows are layers: in
    each, only those that have anything to say there are kept, and no row grows out of one
    that was zero.

    The result is as long as `rows`, as in the paper's own code: a strength says how far
    latents travel, so bounds chosen for pictures that stay natural remain so. Along the
    original direction that is less far, by the sine of its angle to the span; the share
    that would also have moved the kept ones is the price of keeping them. Making up for it
    would send latents 1/sine as far, without a bound where two directions almost agree.

    None where less than a twentieth of `rows` is left, which is no direction any more.
    """
    rest = _rest(rows, _basis(kept))
    length, left = np.linalg.norm(rows), np.linalg.norm(rest)
    return None if left < _LEAST * length else rest * (length / left)


def _basis(kept: Sequence[Rows]) -> list[Rows]:
    """Orthonormal in each row, by Gram and Schmidt: a QR decomposition that leaves out what
    adds nothing, where Householder's would put any direction at all in its place."""
    basis: list[Rows] = []
    for rows in kept:
        before = np.linalg.norm(rows, axis=1, keepdims=True)
        rest = _rest(rows, basis)
        length = np.linalg.norm(rest, axis=1, keepdims=True)
        new = length > _NEW * before
        basis.append(np.where(new, rest / np.where(new, length, 1), 0))
    return basis


def _rest(rows: Rows, basis: Sequence[Rows]) -> Rows:
    for unit in basis:
        rows = rows - (rows * unit).sum(axis=1, keepdims=True) * unit
    return rows
