"""What comes back from a language model: answers, what they cost, and how long they took."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from seom import call, timing
from seom.errors import UnusableAnswer
from seom.generation import Format
from seom.messages import Message, ToolCall
from seom.pb.v1 import chat_pb2 as pb
from seom.timing import GenerationTiming, Timing

# Of an answer that cannot be read, as much as an error message shows.
_SHOWN = 200


class FinishReason(StrEnum):
    """Why an answer ended; equal to its own name."""

    UNKNOWN = "UNKNOWN"  # it has not ended, or the server does not say
    STOP = "STOP"  # the model had said all, or one of `stop` came
    LENGTH = "LENGTH"  # cut off at max_tokens or at the model's context
    TOOL_CALLS = "TOOL_CALLS"  # it asks for calls of tools


_REASONS = tuple(FinishReason)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; of the prompt's, `cached_tokens` had been computed for an earlier call."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token and the natural logarithm of its probability.

    bytes: the token's own, which need not be whole characters
    top: the likeliest tokens at this place, best first, where they were asked for
    """

    token: str
    bytes: bytes
    logprob: float
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers of a reply.

    reasoning: what a reasoning model thought first; "" from others
    tool_calls: calls the model asks for and that were not run
    logprobs: one for each token, where they were asked for
    """

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason = FinishReason.UNKNOWN
    logprobs: tuple[TokenLogprob, ...] = ()
    _parsed: Any = field(default=None, repr=False)
    _problem: str = field(default="", repr=False)

    @property
    def parsed(self) -> Any:
        """The text as `schema` has it: a pydantic model's instance, or JSON's own types.

        None without a schema, and from an answer that calls tools. Raises UnusableAnswer
        for a text that does not fit; most often it was cut off at max_tokens.
        """
        if self._problem:
            raise UnusableAnswer(self._problem, text=self.text)
        return self._parsed


@dataclass(frozen=True, slots=True)
class Reply:
    """What a language model answered; `text`, `parsed` and so on are the first answer's.

    answers: all `n` of them
    messages: what this call adds to the conversation, rounds of tools included; to go on,
        append them and then the next question to the messages so far
    usage: of all answers and rounds together
    timing: of the last round
    rounds: the timing of each round; more than one only where tools were run
    """

    answers: tuple[Answer, ...]
    usage: Usage
    model: str
    version: str
    timing: GenerationTiming
    messages: tuple[Message, ...] = field(default=(), repr=False)
    rounds: tuple[GenerationTiming, ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        return self.answers[0].text

    @property
    def parsed(self) -> Any:
        """See `Answer.parsed`."""
        return self.answers[0].parsed

    @property
    def reasoning(self) -> str:
        return self.answers[0].reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self.answers[0].tool_calls

    @property
    def finish_reason(self) -> FinishReason:
        return self.answers[0].finish_reason

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        return self.answers[0].logprobs


@dataclass(frozen=True, slots=True)
class Score:
    """How likely a model finds a text.

    tokens: all but the first, which nothing precedes
    total: the sum of their logarithms
    """

    tokens: tuple[TokenLogprob, ...]
    total: float
    usage: Usage
    model: str
    version: str
    timing: Timing

    @property
    def perplexity(self) -> float:
        """How many tokens the model wavered between on average; 1 is certainty."""
        return math.exp(-self.total / len(self.tokens)) if self.tokens else math.nan


def reply(response: pb.ChatResponse, beside: call.Answer, form: Format) -> Reply:
    answers = tuple(_answer(each, form) for each in response.answers) or (Answer(""),)
    first = answers[0]
    spent = timing.of_generation(beside.timing_of(response), response.generation)
    return Reply(
        answers,
        _usage(response.usage),
        response.model_name,
        response.model_version,
        spent,
        (Message("assistant", first.text, first.tool_calls),),
        (spent,),
    )


def score(response: pb.ScoreResponse, beside: call.Answer) -> Score:
    return Score(
        logprobs(response.tokens),
        response.total,
        _usage(response.usage),
        response.model_name,
        response.model_version,
        beside.timing_of(response),
    )


def logprobs(tokens: Iterable[pb.TokenLogprob]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(each.token, each.bytes, each.logprob, logprobs(each.top)) for each in tokens
    )


def finish_reason(number: int) -> FinishReason:
    """Reasons of a newer server are UNKNOWN."""
    return _REASONS[number] if number < len(_REASONS) else FinishReason.UNKNOWN


def _usage(usage: pb.Usage) -> Usage:
    return Usage(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)


def _answer(message: pb.Answer, form: Format) -> Answer:
    calls = tuple(ToolCall(each.id, each.name, each.arguments) for each in message.tool_calls)
    reason = finish_reason(message.finish_reason)
    parsed, problem = None, ""
    if form.read is not None and not calls:
        try:
            parsed = form.read(message.text)
        except Exception as error:  # a validator may raise what it likes
            problem = _unreadable(message.text, reason, error)
    said = (message.text, message.reasoning, calls, reason, logprobs(message.logprobs))
    return Answer(*said, parsed, problem)


def _unreadable(text: str, reason: FinishReason, error: Exception) -> str:
    cut = ", for it was cut off at max_tokens" if reason is FinishReason.LENGTH else ""
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    why = " ".join(str(error).split())
    return f"the answer does not fit the schema{cut}: {shown!r} ({why})"
