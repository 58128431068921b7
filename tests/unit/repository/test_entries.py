"""The entries of real models: what is large waits until it is asked for, and nothing drifts."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.conftest import ROOT

LARGE = [
    path
    for path in sorted((ROOT / "model_repo" / "gpu").glob("*/model.yaml"))
    if yaml.safe_load(path.read_text())["family"] in ("chat", "embedding", "classification")
]


@pytest.mark.parametrize("path", LARGE, ids=lambda path: path.parent.name)
def test_a_large_model_is_off_and_pinned_to_one_revision(path):
    entry = yaml.safe_load(path.read_text())
    assert entry["enabled"] is False
    assert re.search(r"/resolve/[0-9a-f]{40}$", entry["weights"]["url"])


def test_there_are_language_models_and_ones_that_see():
    names = {path.parent.name for path in LARGE}
    assert names >= {"qwen2.5-0.5b-instruct", "qwen3-8b", "llava-1.5-7b", "llava-onevision-0.5b"}
