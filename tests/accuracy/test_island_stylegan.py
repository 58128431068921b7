"""The committed generator: its sliders reach their bars on latents no training saw.

The distance to real portraits, which has no bar, is left to `make eval`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from model_repo.island.stylegan.judging import ASIDE, RANK, sliders
from model_repo.island.stylegan.served import NAME, Served
from model_repo.island.stylegan.sliders import Judged, measured
from model_repo.island.world import SPLITS

ENTRY = Path(__file__).resolve().parents[2] / "model_repo" / "reference" / NAME


@pytest.fixture(scope="module")
def served() -> Served:
    return Served(ENTRY)


@pytest.fixture(scope="module")
def judged(served: Served) -> list[Judged]:
    return sliders(served)


def test_sliders_move_what_they_are_named_for_and_leave_the_others(judged: list[Judged]) -> None:
    for each in judged:
        assert each.rank >= RANK, each
        assert each.aside < ASIDE, each


def test_pictures_vary_as_the_portraits_do(served: Served) -> None:
    """Untruncated, each attribute takes all of its range."""
    seeds = SPLITS["test"].seeds[1000:1100]
    low, high = np.quantile(measured(served.drawn(seeds, psi=1.0)[1]), (0.05, 0.95), axis=0)
    assert (high - low > (0.12, 0.12, 0.2)).all(), (low, high)


def test_the_card_tells_the_figures_of_these_weights(judged: list[Judged]) -> None:
    told = {
        each["name"]: each["value"] for each in json.loads((ENTRY / "figures.json").read_text())
    }
    for each in judged:
        rank, aside = f"{each.name}: rank correlation with its strength", "movement of the others"
        assert told[rank] == pytest.approx(each.rank, abs=0.01)
        assert told[f"{each.name}: {aside}"] == pytest.approx(each.aside, abs=0.01)
    assert "Fréchet distance to real portraits" in told


def test_the_weights_are_small() -> None:
    assert (ENTRY / "1" / "model.safetensors").stat().st_size < 4_000_000
