"""The small models as a model repository."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.chat_models import ADAPTERS, write_models

_ENGINE = "context: 512\ndtype: float32\nkv_cache: 64MiB\nresources: {cpus: 1}\n"
_ADAPTERS = "".join(f"- {{name: {name}, folder: adapters/{name}, rank: 8}}\n" for name in ADAPTERS)
_SETTINGS = {
    "llama": f"family: chat\ngrammars: true\ntool_parser: hermes\nadapters:\n{_ADAPTERS}",
    "scripted": "family: chat\ntool_parser: hermes\n",
    "llava": "family: chat\nimages: 2\n",
    "onevision": "family: chat\nimages: 2\n",
    "embedder": "family: embedding\n",
    "classifier": "family: classification\n",
    "emotions": "family: classification\n",
    "distilbert": "family: embedding\n",
    "mpnet": "family: embedding\n",
    "albert": "family: classification\n",
    "deberta": "family: classification\n",
}


def write_chat_model(root: Path, name: str, settings: str = "", profile: str = "cpu") -> Path:
    """Writes one model; returns its folder. `settings` are further lines of model.yaml."""
    folder = root / profile / name
    folder.mkdir(parents=True, exist_ok=True)
    made = write_models(folder, name) / name
    shutil.move(made, folder / "1")
    text = f'{_SETTINGS[name]}weights: {{folder: "1"}}\n{_ENGINE}{settings}'
    (folder / "model.yaml").write_text(text)
    return folder
