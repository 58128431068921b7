"""The figures of the entry, on latents, people and scenes that no training saw."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from model_repo.island.stylegan.frechet import distance
from model_repo.island.stylegan.portraits import draw
from model_repo.island.stylegan.served import NAME, Pictures, Served
from model_repo.island.stylegan.sliders import NAMES, Judged, judge, measured
from model_repo.island.training.cards import Figure
from model_repo.island.world import SPLITS

LATENTS: Final = 200  # that each slider is tried with
PORTRAITS: Final = 1000  # of either kind, between which the distance is taken
RANK, ASIDE = 0.8, 0.35
_SEEDS: Final = SPLITS["test"].seeds


def evaluate(entry_root: Path) -> list[Figure]:
    """Every figure, from the committed weights; the features are the island-face-embedder's."""
    served = Served(entry_root / NAME)
    judged = sliders(served)
    return [figure for each in judged for figure in _told(each)] + distances(served)


def sliders(served: Served, latents: int = LATENTS) -> list[Judged]:
    """Each slider over the same latents, as `Judged` tells it."""
    seeds = _SEEDS[:latents]
    deviations = measured(served.drawn(_SEEDS[-2 * latents :])[1]).std(axis=0)
    return [judge(served, name, seeds, deviations) for name in NAMES]


def distances(served: Served, count: int = PORTRAITS) -> list[Figure]:
    """The Fréchet distance between as many generated as real portraits, of people of the test
    split, and that between two such sets of real ones, which is the least to be had of so
    many."""
    from model_repo.island.faces import features

    real, other = (
        features(np.stack([draw(seed)[0] for seed in _SEEDS[start : start + count]]))
        for start in (0, count)
    )
    made = features(_untruncated(served, count))
    return [
        Figure("Fréchet distance to real portraits", distance(made, real), sense="at most"),
        Figure("Fréchet distance between real portraits", distance(other, real), sense="at most"),
    ]


def _untruncated(served: Served, count: int) -> Pictures:
    return served.drawn(_SEEDS[:count], psi=1.0)[1]


def _told(judged: Judged) -> list[Figure]:
    return [
        Figure(f"{judged.name}: rank correlation with its strength", judged.rank, RANK),
        Figure(f"{judged.name}: movement of the others", judged.aside, ASIDE, "at most"),
    ]
