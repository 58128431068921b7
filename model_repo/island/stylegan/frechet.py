"""The Fréchet distance between two sets of features, as FID has it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def distance(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Of features (n, d) and (m, d), each taken for a normal distribution.

    |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), Heusel et al. 2017 (arXiv 1706.08500), equation 6.
    """
    one, other = one.astype(np.float64), other.astype(np.float64)
    apart = one.mean(axis=0) - other.mean(axis=0)
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    # Σ₁ Σ₂ and the symmetric Σ₁^½ Σ₂ Σ₁^½ have the same eigenvalues, and the latter's are real.
    root = _root(first)
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ second @ root), 0, None)).sum()
    return float(apart @ apart + np.trace(first) + np.trace(second) - 2 * shared)


def _root(matrix: NDArray[Any]) -> NDArray[Any]:
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[Any] = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    return root
