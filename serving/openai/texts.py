"""What a chat model yields to a completion, as `text_completion`, whole or piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field

from serving.models.chat.types import Completion
from serving.openai.asked import Asked
from serving.openai.envelope import DONE, Envelope, Object, likeliest, usage_object
from serving.runtimes.vllm.types import ReplyDelta, Usage


class Pieces:
    """The events of one stream."""

    def __init__(self, asked: Asked[Completion], identity: str) -> None:
        self._asked = asked
        self._envelope = Envelope("text_completion", identity, asked.model)
        self._written: dict[int, int] = {}  # characters of each text
        self._usage: Usage | None = None

    def of(self, reply: ReplyDelta) -> bytes:
        begun = self._written.get(reply.index)
        text = reply.text if begun is not None else _echo(self._asked) + reply.text
        begun = begun or 0
        self._written[reply.index] = begun + len(text)
        self._usage = reply.raw.usage or self._usage
        logprobs = _Logprobs(begun)
        logprobs.add(reply, self._asked)
        told = logprobs.object(self._asked)
        return self._envelope.event([_choice(reply.index, text, told, reply.finish)])

    def end(self) -> bytes:
        """What follows the last piece."""
        if not (self._asked.usage and self._usage):
            return DONE
        return self._envelope.event([], usage_object(self._usage)) + DONE


class Whole:
    """One text, or the `n` that were asked for, put together from the pieces."""

    def __init__(self, asked: Asked[Completion], identity: str) -> None:
        self._asked = asked
        self._envelope = Envelope("text_completion", identity, asked.model)
        self._texts: dict[int, list[str]] = {}
        self._logprobs: dict[int, _Logprobs] = {}
        self._finish: dict[int, str | None] = {}
        self._usage: Usage | None = None

    def add(self, reply: ReplyDelta) -> None:
        self._texts.setdefault(reply.index, [_echo(self._asked)]).append(reply.text)
        self._logprobs.setdefault(reply.index, _Logprobs(0)).add(reply, self._asked)
        self._finish[reply.index] = reply.finish
        self._usage = reply.raw.usage or self._usage

    def object(self) -> Object:
        choices = [
            _choice(
                index,
                "".join(self._texts[index]),
                self._logprobs[index].object(self._asked),
                self._finish[index],
            )
            for index in sorted(self._texts)
        ]
        return self._envelope.object(choices, self._usage)


@dataclass(slots=True)
class _Logprobs:
    """OpenAI's older layout: a list for each property instead of an object for each token.

    offset: where the next token begins in the text
    """

    offset: int
    tokens: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top: list[dict[str, float]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def add(self, reply: ReplyDelta, asked: Asked[Completion]) -> None:
        count = asked.item.sampling.logprobs or 0
        for tokens in reply.raw.logprobs:
            chosen = tokens[0]
            self.tokens.append(chosen.text)
            self.logprobs.append(chosen.logprob)
            self.top.append({token.text: token.logprob for token in likeliest(tokens, count)})
            self.offsets.append(self.offset)
            self.offset += len(chosen.text)

    def object(self, asked: Asked[Completion]) -> Object | None:
        if asked.item.sampling.logprobs is None:
            return None
        return {
            "tokens": self.tokens,
            "token_logprobs": self.logprobs,
            "top_logprobs": self.top,
            "text_offset": self.offsets,
        }


def _choice(index: int, text: str, logprobs: Object | None, finish: str | None) -> Object:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


def _echo(asked: Asked[Completion]) -> str:
    item = asked.item
    return item.prompt if item.echo and isinstance(item.prompt, str) else ""
