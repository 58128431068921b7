"""The reference pack as a whole: every model has all that belongs to it, and it stays small."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from model_repo.island.__main__ import MODELS, _judged
from serving.cluster.settings import DEFAULT_PROFILE, Settings
from serving.repository.scan import Repository
from tests.conftest import ROOT

PACK = ROOT / "model_repo" / "reference"
ENTRIES = sorted(folder for folder in PACK.iterdir() if folder.is_dir())


def test_it_is_what_a_cluster_serves_by_default() -> None:
    assert DEFAULT_PROFILE == Settings().profile == PACK.name
    names = {model.name for model in Repository(ROOT / "model_repo", PACK.name).models()}
    assert names == {entry.name for entry in ENTRIES} >= set(MODELS.values())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_has_card_figures_log_and_the_weights_it_names(entry: Path) -> None:
    card = (entry / "README.md").read_text()
    for figure in json.loads((entry / "figures.json").read_text()):
        assert f"| {figure['name']} | {figure['value']:.4g} |" in card
    with (entry / "training.csv").open() as log:
        assert len(list(csv.DictReader(log))) > 10
    config = Repository(ROOT / "model_repo", PACK.name).find(entry.name)
    for weights in config.weights:
        if weights.file and weights.sha256:
            data = (entry / weights.file).read_bytes()
            assert hashlib.sha256(data).hexdigest() == weights.sha256


def test_all_together_is_at_most_forty_megabytes() -> None:
    files = [file for file in PACK.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 40e6
    assert not [file for file in files if file.suffix in {".pkl", ".pt", ".pth", ".bin"}]


def test_a_model_that_is_none_is_refused() -> None:
    asked = [sys.executable, "-m", "model_repo.island", "eval", "sculptor"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "no such model: sculptor; there are detector" in done.stderr


def test_weights_that_are_missing_are_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not _judged("detector")
    assert "`make models MODELS=detector` trains it" in capsys.readouterr().out
