"""The sliders: their directions found by the project's own command, and judged by the ruler.

A picture is a row of numbers here: what `world.measure` reads in it, in the order of NAMES.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_repo.island.stylegan.served import Pictures, Served
from model_repo.island.world import SPLITS, measure
from serving.cli import directions

Scores = NDArray[np.float64]

NAMES: Final = ("eyes", "mouth", "turn")
SCORED: Final = 6000
# Of a share of the latents at either end: half leaves out nobody.
_TOP: Final = 0.3
_EACH: Final = 3  # strengths that each latent is tried with


@dataclass(frozen=True, slots=True)
class Judged:
    """What one slider does.

    rank: Spearman's correlation of strengths with the measured attribute, over random latents
        and, with each, strengths drawn uniformly from all of the slider's bounds
    moved: how far each of NAMES moves from one end of the slider to the other: the mean over
        latents of the absolute difference between the two pictures of a latent, in standard
        deviations of that attribute over random pictures. The ruler's own errors count as
        movement
    """

    name: str
    rank: float
    moved: tuple[float, ...]

    @property
    def aside(self) -> float:
        """The larger movement of the two other attributes, as a share of this one's own."""
        own = self.moved[NAMES.index(self.name)]
        others = [each for name, each in zip(NAMES, self.moved, strict=True) if name != self.name]
        return max(others) / own


def fit(served: Served, out: Path, count: int = SCORED) -> None:
    """Writes <name>.npy for each of NAMES, and the report, by `seom directions fit` in W.

    count: of pictures that are drawn, untruncated, and measured
    """
    w, images = served.drawn(range(SPLITS["train"].seeds.start, count), psi=1.0)
    with tempfile.TemporaryDirectory() as folder:
        latents, scores = Path(folder) / "w.npy", Path(folder) / "scores.npz"
        np.save(latents, w)
        np.savez(scores, **dict(zip(NAMES, measured(images).T, strict=True)))
        given = ["fit", str(latents), str(scores), "--out", str(out), "--top", str(_TOP)]
        _command([*given, "--force"])


def judge(served: Served, name: str, seeds: Sequence[int], deviations: Scores) -> Judged:
    """One slider over the latents of `seeds`, by the family's own code and the entry's bounds.

    deviations: (3,), of NAMES over random pictures
    """
    low, high = served.bounds(name)
    random = np.random.RandomState([*name.encode(), len(seeds)])
    strengths = random.uniform(low, high, len(seeds) * _EACH)
    repeated = [seed for seed in seeds for _ in range(_EACH)]
    at_random = measured(served.steered(repeated, name, strengths))
    column = NAMES.index(name)
    ends = [measured(served.steered(seeds, name, np.full(len(seeds), end))) for end in (low, high)]
    moved = np.abs(ends[1] - ends[0]).mean(axis=0) / deviations
    return Judged(name, spearman(strengths, at_random[:, column]), tuple(map(float, moved)))


def measured(images: Pictures) -> Scores:
    """(n, h, w, 3) uint8 → (n, 3), in the order of NAMES."""
    found = [measure(image) for image in images]
    return np.array([[getattr(each, name) for name in NAMES] for each in found])


def spearman(one: NDArray[Any], other: NDArray[Any]) -> float:
    """The correlation of ranks, equal values sharing theirs."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: NDArray[Any]) -> Scores:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles: Scores = (ends - (counts - 1) / 2)[places]
    return middles


def _command(arguments: list[str]) -> None:
    """`seom directions …`, in this process."""
    parser = argparse.ArgumentParser()
    directions.add(parser.add_subparsers())
    given = parser.parse_args(["directions", *arguments])
    if given.run(given):
        raise RuntimeError(f"seom directions {' '.join(arguments[:1])} failed")
