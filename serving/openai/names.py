"""How this door's clients name a model: `llama`, `llama@1`, and `llama:persona` for an adapter.

OpenAI's API has one word for what to ask, so each adapter of a model is a model of its
own here. A colon is in no model's and no adapter's name. Who may use a model may use its
adapters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from serving.repository.config import ModelConfig

# The families that answer here; each one's endpoints are in `door`.
FAMILIES = frozenset({"chat", "embedding"})


def split(name: str) -> tuple[str, str | None]:
    """The model, which may carry a version, and its adapter if one is asked for."""
    model, colon, adapter = name.partition(":")
    return model, adapter if colon else None


def of(config: ModelConfig) -> Iterator[str]:
    """The names a model has here: its own, and one for each adapter."""
    yield config.application
    options: Any = config.options
    for adapter in getattr(options, "adapters", ()):
        yield f"{config.application}:{adapter.name}"
