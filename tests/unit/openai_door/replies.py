"""Pieces of answers, as a chat model yields them."""

from __future__ import annotations

import json
from typing import Any

from serving.runtimes.vllm.types import (
    Delta,
    FinishReason,
    ReplyDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

USAGE = Usage(prompt=7, cached=3, completion=2)


def piece(
    text: str = "",
    *,
    index: int = 0,
    finish: FinishReason | None = None,
    usage: Usage | None = None,
    calls: tuple[ToolCallDelta, ...] = (),
    reasoning: str = "",
    logprobs: tuple[tuple[TokenLogprob, ...], ...] = (),
) -> ReplyDelta:
    raw = Delta(index, text, (1,), logprobs, finish=finish, usage=usage)
    return ReplyDelta(index, text, reasoning, calls, finish, raw)


def weighed(*tokens: tuple[str, float, int]) -> tuple[TokenLogprob, ...]:
    """A token and its alternatives: text, log probability, rank; the chosen one first."""
    return tuple(
        TokenLogprob(0, text, logprob, rank, text.encode()) for text, logprob, rank in tokens
    )


def events(raw: bytes) -> list[Any]:
    """What the events of a stream carry; `[DONE]` as it is."""
    data = [line.removeprefix("data: ") for line in raw.decode().split("\n\n") if line]
    return [found if found == "[DONE]" else json.loads(found) for found in data]
