"""The island's detector as it is committed, on photographs of the test split: 400 of the 1,000
that `make eval` looks at, because all of them take longer than a test should."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from model_repo.island.detector.entry import NAME, SCORE
from model_repo.island.detector.judging import evaluate
from model_repo.island.detector.truth import CLASSES, INPUT
from model_repo.island.training.cards import Figure
from serving.repository import config

ROOT = Path(__file__).resolve().parents[2] / "model_repo" / "reference"
ENTRY = ROOT / NAME


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return {figure.name.split(" (")[0]: figure for figure in evaluate(ROOT, photographs=400)}


def test_every_bar_is_reached(figures: dict[str, Figure]) -> None:
    assert figures["mAP@0.5"].bar == 0.85
    assert all(figure.holds for figure in figures.values()), list(map(str, figures.values()))


def test_no_class_is_left_behind(figures: dict[str, Figure]) -> None:
    assert figures["lowest AP@0.5 of a class"].value >= 0.75
    assert figures["AP@0.5 of people"].value >= 0.9


def test_at_the_shipped_threshold_it_is_mostly_right_and_misses_little(
    figures: dict[str, Figure],
) -> None:
    assert figures[f"precision at a score of {SCORE:g}"].value >= 0.85
    assert figures[f"recall at a score of {SCORE:g}"].value >= 0.85


def test_the_card_tells_what_is_measured(figures: dict[str, Figure]) -> None:
    """Its figures are of all 1,000 photographs, so that a little may be between them."""
    told = {f["name"].split(" (")[0]: f["value"] for f in json.loads(_read("figures.json"))}
    assert told.keys() == figures.keys()
    assert told["mAP@0.5"] == pytest.approx(figures["mAP@0.5"].value, abs=0.02)


def test_the_entry_is_what_the_training_writes() -> None:
    (settings,) = config.read(ENTRY / "model.yaml", "reference")
    assert settings.options.input == INPUT
    assert settings.options.thresholds.score == SCORE
    assert settings.weights[0].sha256 == hashlib.sha256(_file().read_bytes()).hexdigest()
    assert tuple(_read("labels.txt").splitlines()) == CLASSES
    assert _read("training.csv").startswith("step,seconds,")


def test_it_is_small() -> None:
    model = onnx.load_model(_file())
    assert sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer) < 2_000_000
    assert _file().stat().st_size < 1_000_000


def _file() -> Path:
    return ENTRY / "1" / "model.onnx"


def _read(name: str) -> str:
    return (ENTRY / name).read_text()
