"""Prompts tokenised whole, so that one that is too long can be told how long it is.

vLLM cuts a prompt behind the first token too many, which saves nothing: a tokenizer cuts
what it has tokenised. What has too many characters for any tokenisation is refused before.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any


def whole(parameters: Any) -> Any:
    """vLLM's `TokenizeParams`, but that nothing is cut."""
    given = {field.name: getattr(parameters, field.name) for field in fields(parameters)}
    return _parameters()(**given)


@cache
def request() -> Any:
    """vLLM's class `ChatCompletionRequest`, but that nothing of its prompt is cut."""
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

    class _Request(ChatCompletionRequest):
        def build_tok_params(self, model_config: Any) -> Any:
            return whole(super().build_tok_params(model_config))

    return _Request


@cache
def _parameters() -> Any:
    from vllm.renderers.params import TokenizeParams

    class _Whole(TokenizeParams):
        def get_encode_kwargs(self) -> dict[str, Any]:
            return {**super().get_encode_kwargs(), "truncation": False, "max_length": None}

    return _Whole
