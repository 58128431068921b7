"""What every answer of a chat model has around it: id, model, time, usage; and its events."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from serving.runtimes.vllm.types import TokenLogprob, Usage

Object = dict[str, Any]
DONE = b"data: [DONE]\n\n"

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def encode(found: Any) -> bytes:
    """JSON as bytes; what is no Unicode in a model's words becomes question marks."""
    return _encode(found).encode("utf-8", "replace")


def event(found: Object) -> bytes:
    """One server-sent event."""
    return b"data: " + encode(found) + b"\n\n"


class Envelope:
    """The part that is the same in all events of a stream is written once."""

    def __init__(self, kind: str, identity: str, model: str) -> None:
        self._fields = {
            "id": identity,
            "object": kind,
            "created": int(time.time()),
            "model": model,
        }
        self._head = b"data: " + encode(self._fields)[:-1] + b',"choices":'

    def event(self, choices: list[Object], usage: Object | None = None) -> bytes:
        tail = b',"usage":' + encode(usage) if usage else b""
        return self._head + encode(choices) + tail + b"}\n\n"

    def object(self, choices: list[Object], usage: Usage | None) -> Object:
        return {**self._fields, "choices": choices, "usage": usage and usage_object(usage)}


def usage_object(usage: Usage) -> Object:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def likeliest(tokens: Sequence[TokenLogprob], count: int) -> list[TokenLogprob]:
    """The alternatives at a place by rank: the engine tells the chosen one beside them."""
    return sorted(tokens, key=lambda token: token.rank)[:count]
