"""The keys of model.yaml that belong to the family `chat`."""

from __future__ import annotations

from typing import Literal

from serving.runtimes.vllm.options import EngineOptions


class Options(EngineOptions):
    """An engine's keys; a chat model generates and nothing else.

    grammars: callers may send grammars of their own (EBNF, Lark). One that is ambiguous, as
        `root ::= root root | "b" | ""`, holds up everybody's answers longer with each token,
        and no rule tells it from the others: only for callers who are trusted
    checkpoint: how the weights are laid out; `llama2c` has two files, whose parts are
        `weights` and `tokens`, and is converted once
    """

    task: Literal["generate"] = "generate"
    grammars: bool = False
    checkpoint: Literal["huggingface", "llama2c"] = "huggingface"
