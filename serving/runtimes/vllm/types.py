"""What goes into an engine and comes out of it, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

FinishReason = Literal["stop", "length", "tool_calls", "abort", "error"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a reply must look like.

    value: a JSON schema as text, a regular expression, a grammar in EBNF, or choices
    """

    kind: Literal["json", "regex", "grammar", "choice", "structural_tag"]
    value: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen; None leaves it to the model's own generation_config.json.

    max_tokens: None is as many as the context leaves
    logprobs: how many alternatives of each token to tell, beside the chosen one
    prompt_logprobs: the same for the prompt's tokens, for scoring
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    min_tokens: int = 0
    stop: tuple[str, ...] = ()
    n: int = 1
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    logit_bias: Mapping[int, float] | None = None
    constraint: Constraint | None = None
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token and its natural log-probability; rank 1 is the likeliest.

    spelt: its bytes, which need not be whole characters
    """

    token_id: int
    text: str
    logprob: float
    rank: int
    spelt: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request; `cached` is the part of the prompt that was not computed again."""

    prompt: int
    cached: int
    completion: int


@dataclass(frozen=True, slots=True)
class EngineTimes:
    """Nanoseconds a request spent inside the engine; the first token ends `prefill`."""

    queue: int
    prefill: int
    decode: int


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step, or several that a slow reader let pile up, added to one reply.

    index: which of the `n` replies
    logprobs: for each token, the chosen one first, then its alternatives by rank
    prompt_logprobs: in the first delta of a request that asked; None for the first token
    finish: why the reply ended; None while it goes on
    usage, times: in the last delta of the request
    """

    index: int
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[tuple[TokenLogprob, ...], ...] = ()
    prompt_logprobs: tuple[tuple[TokenLogprob, ...] | None, ...] = ()
    finish: FinishReason | None = None
    stop: str | int | None = None
    usage: Usage | None = None
    times: EngineTimes | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the engine was after its last step; `kv` is a share of the cache's blocks."""

    running: int = 0
    waiting: int = 0
    kv: float = 0.0


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """Decoded pixels: uint8 [height, width, 3], RGB. `digest` identifies equal pictures."""

    pixels: Any
    digest: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called; `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `tool_call_id` is whose result a message of role `tool` brings."""

    role: Literal["system", "user", "assistant", "tool"]
    parts: tuple[Text | Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """choice: `auto`, `none`, `required`, or the name of the tool to call."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    thinking: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call: `id` and `name` in its first piece, arguments bit by bit."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class ReplyDelta:
    """A delta of a conversation's reply, its markup understood; `raw` is as the engine gave it."""

    index: int
    text: str
    reasoning: str
    tool_calls: tuple[ToolCallDelta, ...]
    finish: FinishReason | None
    raw: Delta
