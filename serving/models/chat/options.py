"""The keys of model.yaml that belong to the family `chat`."""

from __future__ import annotations

from typing import Literal

from serving.runtimes.vllm.options import EngineOptions


class Options(EngineOptions):
    """An engine's keys; a chat model generates and nothing else.

    checkpoint: how the weights are laid out; `llama2c` has two files, whose parts are
        `weights` and `tokens`, and is converted once
    """

    task: Literal["generate"] = "generate"
    checkpoint: Literal["huggingface", "llama2c"] = "huggingface"
