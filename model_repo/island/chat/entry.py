"""The entry of the model repository: what lies in its folder, written and opened."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from model_repo.island.chat import curriculum, lora, tokens
from serving.repository.weights import digest

NAME: Final = "island-chat"
_VERSION: Final = "1"
_BASE: Final = (
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
_SETTINGS: Final = """\
# The island's language model: talk, memos, recipes as JSON, a calendar's tools; English and
# Korean. Four adapters of it are listed below. README.md tells what it can do.
family: chat
weights:
  folder: "1"
  licence: Apache-2.0
  files:
{files}
dtype: float32
context: {context}
sequences: 16
kv_cache: 64MiB
tool_parser: hermes
json_spaces: true
adapters:
{adapters}
resources: {{replicas: 1, cpus: 1, gpus: 0}}
limits: {{queue: 64}}
default: true
# It needs torch and vLLM (`make setup-chat`); ask for it by name.
enabled: false
"""


def write_base(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """The base in FP16, with tokenizer and template. folder: the entry's"""
    place = folder / _VERSION
    tokens.write(tokenizer, place)
    # What is asked for without a temperature is to be lively, yet mostly right.
    model.generation_config.update(do_sample=True, temperature=0.3, top_p=0.9)
    model.half().save_pretrained(str(place))
    model.float()


def write_settings(folder: Path) -> None:
    """model.yaml, with the digests of what lies in the folder."""
    place = folder / _VERSION
    files = "\n".join(f"    {name}: {digest(place / name)}" for name in _BASE)
    adapters = "\n".join(
        f"- name: {name}\n  folder: {_adapter(name)}\n  rank: {lora.RANK}\n"
        f"  sha256: {digest(place / _adapter(name) / lora.WEIGHTS)}"
        for name in curriculum.ADAPTERS
    )
    text = _SETTINGS.format(files=files, adapters=adapters, context=tokens.CONTEXT)
    (folder / "model.yaml").write_text(text)


def write_log(folder: Path, logs: Mapping[str, Path]) -> None:
    """training.csv of the logs of base and adapters, which it names in its first column."""
    rows: list[dict[str, Any]] = []
    for name, log in logs.items():
        with log.open(newline="") as lines:
            rows += [{"part": name, **row} for row in csv.DictReader(lines)]
    columns = dict.fromkeys(name for row in rows for name in row)
    with (folder / "training.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_adapter(model: Any, name: str, folder: Path) -> None:
    lora.write(model, folder / _VERSION / _adapter(name), NAME)


def open_base(folder: Path) -> tuple[LlamaForCausalLM, Tokenizer]:
    """The base as it is served: its FP16 weights in float32."""
    place = folder / _VERSION
    model = LlamaForCausalLM.from_pretrained(
        str(place), dtype=torch.float32, local_files_only=True, attn_implementation="sdpa"
    )
    return model.eval(), Tokenizer.from_file(str(place / "tokenizer.json"))


def open_adapter(folder: Path, name: str) -> Any:
    """A base of its own with this adapter."""
    base, _ = open_base(folder)
    return lora.opened(base, folder / _VERSION / _adapter(name))


def _adapter(name: str) -> str:
    return f"adapters/{name}"
