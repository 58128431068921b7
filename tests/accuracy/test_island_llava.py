"""island-llava's figures, of the weights in the repository: of half of the photographs that
`make eval` shows it, as it is served."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from model_repo.island.llava import entry, evaluation
from tests.conftest import ROOT

ENTRIES = ROOT / "model_repo" / "reference"
FOLDER = ENTRIES / entry.NAME


def test_it_is_small():
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    assert size < 14 * 2**20


async def test_it_reaches_its_bars():
    pytest.importorskip("vllm", reason="vLLM is not installed")
    figures = await evaluation.served(ENTRIES, photographs=evaluation.PHOTOGRAPHS // 2)
    assert not [str(figure) for figure in figures if not figure.holds]


def test_the_card_tells_figures_that_hold():
    told = json.loads((FOLDER / "figures.json").read_text())
    names = {figure["name"] for figure in told if figure["bar"] is not None}
    assert {"object presence F1", "count accuracy"} <= names
    assert {f"caption facts correct, {language}" for language in ("English", "Korean")} <= names
    for figure in told:
        assert evaluation.Figure(**figure).holds, figure
