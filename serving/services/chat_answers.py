"""seom.v1.ChatService: what a chat model yields to responses, whole or bit by bit."""

from __future__ import annotations

import time
from typing import Any

from seom.pb.v1 import chat_pb2 as pb
from serving.models.chat.types import Scored
from serving.runtimes.vllm.types import ReplyDelta, TokenLogprob
from serving.timing import Timeline

_FINISHED = {
    None: pb.FINISH_REASON_UNSPECIFIED,
    "stop": pb.FINISH_REASON_STOP,
    "length": pb.FINISH_REASON_LENGTH,
    "tool_calls": pb.FINISH_REASON_TOOL_CALLS,
}


class Deltas:
    """The messages of one stream; measures it on the way."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._first = self._last = 0  # nanoseconds from arrival to a piece
        self._begun: set[int] = set()
        self.ended = False

    def of(self, reply: ReplyDelta) -> pb.ChatDelta:
        """One piece; the last one has usage and generation."""
        self._last = time.perf_counter_ns() - self._timeline.arrived
        self._first = self._first or self._last
        raw = reply.raw
        delta = pb.ChatDelta(
            index=reply.index,
            text=reply.text,
            reasoning=reply.reasoning,
            finish_reason=_FINISHED[reply.finish],
        )
        if reply.index not in self._begun:
            self._begun.add(reply.index)
            delta.role = pb.Message.ASSISTANT
        for call in reply.tool_calls:
            delta.tool_calls.add(
                index=call.index, id=call.id, name=call.name, arguments=call.arguments
            )
        for alternatives in raw.logprobs:
            delta.logprobs.append(_token(*alternatives))
        if raw.usage is not None:
            self.ended = True
            delta.usage.prompt_tokens = raw.usage.prompt
            delta.usage.cached_tokens = raw.usage.cached
            delta.usage.completion_tokens = raw.usage.completion
            prefill = raw.times.prefill if raw.times else 0
            delta.generation.queue_ns = max(0, self._first - prefill)
            delta.generation.first_token_ns = self._first
            delta.generation.per_token_ns = self._per_token(raw.usage.completion)
        return delta

    def _per_token(self, tokens: int) -> int:
        later = tokens / len(self._begun) - 1
        return round((self._last - self._first) / later) if later > 0 else 0


class Whole:
    """One answer put together from its pieces."""

    def __init__(self, timeline: Timeline) -> None:
        self._deltas = Deltas(timeline)
        self._texts: dict[int, list[str]] = {}
        self._thoughts: dict[int, list[str]] = {}
        self._arguments: dict[tuple[int, int], list[str]] = {}
        self._response = pb.ChatResponse()

    def add(self, reply: ReplyDelta) -> None:
        delta = self._deltas.of(reply)
        while len(self._response.answers) <= delta.index:
            self._response.answers.add()
        answer = self._response.answers[delta.index]
        self._texts.setdefault(delta.index, []).append(delta.text)
        self._thoughts.setdefault(delta.index, []).append(delta.reasoning)
        for piece in delta.tool_calls:
            while len(answer.tool_calls) <= piece.index:
                answer.tool_calls.add()
            call = answer.tool_calls[piece.index]
            call.id, call.name = call.id or piece.id, call.name or piece.name
            self._arguments.setdefault((delta.index, piece.index), []).append(piece.arguments)
        answer.logprobs.extend(delta.logprobs)
        answer.finish_reason = delta.finish_reason or answer.finish_reason
        if delta.HasField("usage"):
            self._response.usage.CopyFrom(delta.usage)
            self._response.generation.CopyFrom(delta.generation)

    def response(self) -> pb.ChatResponse:
        """Without the model's name and the timing."""
        for index, answer in enumerate(self._response.answers):
            answer.text = "".join(self._texts.get(index, ()))
            answer.reasoning = "".join(self._thoughts.get(index, ()))
        for (index, place), pieces in self._arguments.items():
            self._response.answers[index].tool_calls[place].arguments = "".join(pieces)
        return self._response


class Score:
    """The one result of a Score."""

    def __init__(self, timeline: Timeline) -> None:
        self._response = pb.ScoreResponse()

    def add(self, scored: Scored) -> None:
        self._response.tokens.extend(_token(token) for token in scored.tokens)
        self._response.total = sum(token.logprob for token in scored.tokens)
        self._response.usage.prompt_tokens = scored.prompt_tokens

    def response(self) -> pb.ScoreResponse:
        """Without the model's name and the timing."""
        return self._response


def _token(chosen: TokenLogprob, *others: TokenLogprob) -> Any:
    return pb.TokenLogprob(
        token=chosen.text,
        bytes=chosen.spelt,
        logprob=chosen.logprob,
        top=[_token(other) for other in others],
    )
