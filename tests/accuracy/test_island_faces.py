"""What the committed face models do on people and photographs that no training saw.

A quarter of what `python -m model_repo.island eval faces` looks at, and the same bars.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from model_repo.island.faces import evaluate, features
from model_repo.island.faces.verification import auc, pairs
from model_repo.island.training.cards import Figure
from model_repo.island.world import SPLITS, Expression, Identity, face
from model_repo.island.world.dice import Dice

ENTRIES = Path(__file__).resolve().parents[2] / "model_repo" / "reference"


@pytest.fixture(scope="module")
def figures() -> Sequence[Figure]:
    return evaluate(ENTRIES, pictures=100, families=2)


def test_every_bar_is_reached(figures: Sequence[Figure]) -> None:
    assert sum(figure.bar is not None for figure in figures) >= 4
    assert not [str(figure) for figure in figures if not figure.holds]


def test_the_card_tells_these_figures(figures: Sequence[Figure]) -> None:
    told = json.loads((ENTRIES / "island-face" / "figures.json").read_text())
    assert [row["name"] for row in told] == [figure.name for figure in figures]
    for row, figure in zip(told, figures, strict=True):
        if figure.bar is not None:
            assert row["value"] == pytest.approx(figure.value, abs=0.02), figure.name


def test_features_of_portraits_know_the_person() -> None:
    """Without a detector, at one place for all, heads turned or not."""
    people = SPLITS["test"].people[:60]
    vectors = []
    for moment in (0, 1):
        images = [
            face(Identity.of(n), Expression.draw(Dice(68, n, moment)), seed=2 * n + moment).image
            for n in people
        ]
        found = features(np.stack(images))
        vectors.append(found / np.linalg.norm(found, axis=1, keepdims=True))
    assert auc(*pairs(*vectors)) > 0.95
