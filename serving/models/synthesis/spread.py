"""How far a generator's own latents lie apart along a direction: the unit of strengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from serving.runtimes.stylegan.generator import Generator

_SAMPLES = 2048
_BATCH = 256
# Of w's usual standard deviation: what is less is rounding.
_LEAST = 1e-4


def spread(directions: Sequence[NDArray[np.float32]], generator: Generator) -> list[float | None]:
    """Standard deviations of w projected on directions (rows, w_dim); None for one about 0.

    Over the w of 2,048 latents, always the same ones, untruncated, and of all classes alike
    where the generator has some: some 1.6 % off, one time in three. All rows of a
    generator's own w are the same, so along W+ it varies as along the sum of the rows.
    """
    if not directions:
        return []
    vectors = np.stack([each.sum(axis=0, dtype=np.float64) for each in directions])
    latents = _latents(generator)
    along = (latents @ vectors.T).std(axis=0)
    least = _LEAST * latents.std(axis=0).max()
    return [float(std) if std > least else None for std in along]


def _latents(generator: Generator) -> NDArray[np.float64]:
    """(2048, w_dim)."""
    z = np.random.RandomState(0).randn(_SAMPLES, generator.z_dim).astype(np.float32)
    classes = np.eye(generator.c_dim, dtype=np.float32)
    batches = []
    for start in range(0, _SAMPLES, _BATCH):
        numbers = np.arange(start, start + _BATCH)
        c = classes[numbers % generator.c_dim] if generator.c_dim else None
        batches.append(generator.map(z[numbers], c)[:, 0])
    return np.concatenate(batches).astype(np.float64)
