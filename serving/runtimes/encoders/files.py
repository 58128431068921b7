"""What a checkpoint's JSON files say of it, sentence-transformers' among them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from serving.errors import FailedPrecondition

# How the names of architectures begin that vLLM refuses, as measured with 0.32.
_NOT_IN_VLLM = ("Albert", "Deberta", "DistilBert", "MPNet")
_STAGES = re.compile("Transformer Pooling( Dense)*( Normalize)?")
_POOLINGS: dict[str, Literal["cls", "mean", "last"]] = {
    "cls": "cls",
    "cls_token": "cls",
    "mean": "mean",
    "mean_tokens": "mean",
    "lasttoken": "last",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a text's states become its vector, before that is brought to length one.

    pooling: the state of the first token, of the last, or the mean of all; the first where
        no file says it, as vLLM has it for encoders
    dense: folders of the layers after that
    """

    pooling: Literal["cls", "mean", "last"] = "cls"
    dense: tuple[Path, ...] = ()


def in_vllm(folder: Path) -> bool:
    """Whether vLLM has a model for the architecture."""
    named = read(folder / "config.json").get("architectures") or ()
    return not any(str(name).startswith(_NOT_IN_VLLM) for name in named)


def recipe(folder: Path) -> Recipe:
    """Raises FailedPrecondition for stages that are not computed here."""
    if not (folder / "modules.json").exists():
        return Recipe()
    stages = [
        (str(stage.get("type")).rpartition(".")[2], folder / str(stage.get("path")))
        for stage in read(folder / "modules.json", list)
    ]
    if not _STAGES.fullmatch(" ".join(kind for kind, _ in stages)):
        named = ", ".join(kind for kind, _ in stages)
        raise refused(f"modules.json: {named}", "Transformer, Pooling, Dense, Normalize")
    (_, pooling), *rest = stages[1:]
    dense = tuple(path for kind, path in rest if kind == "Dense")
    return Recipe(_pooling(pooling / "config.json"), dense)


def reading(folder: Path) -> tuple[int | None, bool]:
    """Tokens the model was trained to read, if that is said, and whether all is lower case."""
    for path in sorted(folder.glob("sentence_*_config.json")):
        said = read(path)
        if "max_seq_length" in said:
            return said["max_seq_length"], bool(said.get("do_lower_case"))
    return None, False


def read(path: Path, kind: type = dict) -> Any:
    """Raises FailedPrecondition for what is no JSON of this kind."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, kind):
        raise FailedPrecondition(
            f"{path.name} of the model is missing or not as expected", reason="WEIGHTS"
        )
    return found


def refused(found: str, known: str) -> FailedPrecondition:
    return FailedPrecondition(f"{found} is not computed here; {known} is", reason="WEIGHTS")


def _pooling(path: Path) -> Literal["cls", "mean", "last"]:
    said = read(path)
    prefix = "pooling_mode_"
    modes = [name.removeprefix(prefix) for name in said if name.startswith(prefix) and said[name]]
    modes = [str(said["pooling_mode"])] if said.get("pooling_mode") else modes
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        named = f"{path.parent.name}/{path.name}: pooling by {' and '.join(modes) or 'nothing'}"
        raise refused(named, "one of cls_token, mean_tokens, lasttoken")
    return _POOLINGS[modes[0]]
