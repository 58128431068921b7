"""island-chat's figures, of the weights in the repository: a third of what `make eval` asks, and
all that it asks of the entry as it is served."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from model_repo.island.chat import entry, evaluation
from tests.conftest import ROOT

ENTRIES = ROOT / "model_repo" / "reference"
FOLDER = ENTRIES / entry.NAME


def test_it_is_small():
    model, _ = entry.open_base(FOLDER)
    assert model.num_parameters() <= 6_000_000
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    assert size < 14 * 2**20


def test_replies_reach_their_bars():
    missed = [str(figure) for figure in evaluation.written(FOLDER, part=3) if not figure.holds]
    assert not missed


async def test_the_served_entry_reaches_its_bars_and_the_card_tells_by_how_much():
    pytest.importorskip("vllm", reason="vLLM is not installed")
    figures = await evaluation.served(ENTRIES)
    assert not [str(figure) for figure in figures if not figure.holds]
    told = {
        each["name"]: each["value"] for each in json.loads((FOLDER / "figures.json").read_text())
    }
    for figure in figures:  # another processor rounds otherwise: of a dozen replies one may differ
        assert told[figure.name] == pytest.approx(figure.value, abs=0.1), figure.name


def test_the_card_tells_figures_that_hold():
    told = json.loads((FOLDER / "figures.json").read_text())
    names = {figure["name"] for figure in told}
    assert {"tool calls right", "served: recipes held to the schema valid"} <= names
    for figure in told:
        assert evaluation.Figure(**figure).holds, figure
