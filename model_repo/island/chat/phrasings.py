"""The phrases the lessons speak in, as they lie in the folder `phrases`: YAML, in which whatever
has the key `train` is a `Said`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from model_repo.island.chat.pen import Said

_FOLDER: Final = Path(__file__).parent / "phrases"


def read(name: str) -> dict[str, Any]:
    """The phrases of one lesson."""
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    made: dict[str, Any] = _said(yaml.load(text, Loader=yaml.CSafeLoader))
    return made


def _said(value: Any) -> Any:
    if isinstance(value, list):
        return [_said(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "train" in value:
        return Said(*value["train"], held=value.get("held", ()))
    return {key: _said(each) for key, each in value.items()}
