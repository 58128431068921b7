"""What a chat model yields, as `chat.completion` and `chat.completion.chunk`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from serving.openai.asked import Asked
from serving.openai.envelope import DONE, Envelope, Object, likeliest, usage_object
from serving.runtimes.vllm.types import ReplyDelta, TokenLogprob, ToolCallDelta, Usage


class Chunks:
    """The events of one stream."""

    def __init__(self, asked: Asked[Any], identity: str) -> None:
        self._asked = asked
        self._envelope = Envelope("chat.completion.chunk", identity, asked.model)
        self._begun: set[int] = set()
        self._usage: Usage | None = None

    def of(self, reply: ReplyDelta) -> bytes:
        """One piece, and nothing where it has nothing to say; an answer's first has its role."""
        delta: Object = {}
        if reply.index not in self._begun:
            self._begun.add(reply.index)
            delta = {"role": "assistant", "content": ""}
        if reply.text:
            delta["content"] = reply.text
        if reply.reasoning:
            delta["reasoning"] = reply.reasoning
        if calls := _calls(reply, self._asked):
            delta["tool_calls"] = [_piece(call) for call in calls]
        choice: Object = {"index": reply.index, "delta": delta, "finish_reason": reply.finish}
        if reply.raw.logprobs:
            content = _logprobs(reply, self._asked)
            choice["logprobs"] = {"content": content, "refusal": None}
        self._usage = reply.raw.usage or self._usage
        # A token may be the beginning of a character, or a part of a tool call's markup.
        silent = not delta and reply.finish is None and not reply.raw.logprobs
        return b"" if silent else self._envelope.event([choice])

    def end(self) -> bytes:
        """What follows the last piece."""
        if not (self._asked.usage and self._usage):
            return DONE
        return self._envelope.event([], usage_object(self._usage)) + DONE


class Whole:
    """One answer, or the `n` that were asked for, put together from the pieces."""

    def __init__(self, asked: Asked[Any], identity: str) -> None:
        self._asked = asked
        self._envelope = Envelope("chat.completion", identity, asked.model)
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None

    def add(self, reply: ReplyDelta) -> None:
        choice = self._choices.setdefault(reply.index, _Choice())
        choice.texts.append(reply.text)
        choice.thoughts.append(reply.reasoning)
        choice.finish = reply.finish or choice.finish
        choice.logprobs += _logprobs(reply, self._asked)
        for piece in _calls(reply, self._asked):
            call = choice.calls.setdefault(piece.index, _Call())
            call.id, call.name = call.id or piece.id, call.name or piece.name
            call.arguments.append(piece.arguments)
        self._usage = reply.raw.usage or self._usage

    def object(self) -> Object:
        weighed = self._asked.item.sampling.logprobs is not None
        choices = [choice.object(index, weighed) for index, choice in sorted(self._choices.items())]
        return self._envelope.object(choices, self._usage)


@dataclass(slots=True)
class _Call:
    id: str | None = None
    name: str | None = None
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    logprobs: list[Object] = field(default_factory=list)
    finish: str | None = None

    def object(self, index: int, weighed: bool) -> Object:
        text, reasoning = "".join(self.texts), "".join(self.thoughts)
        message: Object = {"role": "assistant", "content": text, "refusal": None}
        if self.calls:
            message["content"] = text or None
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": "".join(call.arguments)},
                }
                for _, call in sorted(self.calls.items())
            ]
        if reasoning:
            message["reasoning"] = reasoning
        return {
            "index": index,
            "message": message,
            "logprobs": {"content": self.logprobs, "refusal": None} if weighed else None,
            "finish_reason": self.finish,
        }


def _calls(reply: ReplyDelta, asked: Asked[Any]) -> list[ToolCallDelta]:
    return [call for call in reply.tool_calls if asked.several or call.index == 0]


def _piece(call: ToolCallDelta) -> Object:
    """A call's first piece has its id and name; later ones continue the arguments."""
    piece: Object = {"index": call.index, "function": {"arguments": call.arguments}}
    if call.id is not None:
        piece |= {"id": call.id, "type": "function"}
    if call.name is not None:
        piece["function"]["name"] = call.name
    return piece


def _logprobs(reply: ReplyDelta, asked: Asked[Any]) -> list[Object]:
    count = asked.item.sampling.logprobs or 0
    return [
        {**_token(tokens[0]), "top_logprobs": [_token(t) for t in likeliest(tokens, count)]}
        for tokens in reply.raw.logprobs
    ]


def _token(token: TokenLogprob) -> Object:
    return {
        "token": token.text,
        "logprob": token.logprob,
        "bytes": list(token.spelt),
    }
