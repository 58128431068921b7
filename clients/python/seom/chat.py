"""Talking with a language model: what is asked, round by round, until it has answered.

Sending and waiting is the clients' business; here is what they send, what they are to do
between two rounds, and what the caller gets in the end.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from seom import methods, replies
from seom.call import Answer, Call
from seom.deltas import Whole
from seom.errors import UnusableAnswer
from seom.generation import Format, Sampling, sampling
from seom.messages import Message, ToolCall
from seom.methods import Method
from seom.pb.v1 import chat_pb2 as pb
from seom.replies import FinishReason, Reply, Score, Usage
from seom.timing import GenerationTiming
from seom.tools import Toolbox, ToolLike

# Seconds a stream may take if it does not say.
STREAM_TIMEOUT = 600.0
MOST_ROUNDS = 8

_NO_TOOLS = Toolbox((), raise_errors=False, waits=False)


class Exchange:
    """One question and all that it takes to answer it: a request for every round.

    `take` is given each round's reply and tells which tools to run; `answer` is given
    their results. When there are none to run, `reply` is what the caller asked for.
    """

    def __init__(
        self,
        request: pb.ChatRequest | pb.CompleteRequest,
        form: Format,
        toolbox: Toolbox = _NO_TOOLS,
        max_rounds: int = MOST_ROUNDS,
    ) -> None:
        self.request = request
        self.toolbox = toolbox
        self._form = form
        self._max_rounds = max_rounds
        self._rounds = 0
        self._added: list[Message] = []
        self._spent: list[GenerationTiming] = []
        self._usage = Usage()

    def begin(self, messages: Iterable[Message]) -> None:
        """Adds to the conversation before its first round."""
        for each in messages:
            assert isinstance(self.request, pb.ChatRequest)
            self.request.messages.append(each.message())

    def call(self) -> Call[Reply]:
        """The round as a call whose reply comes whole."""
        chats = isinstance(self.request, pb.ChatRequest)
        method: Method[Any, Any] = methods.CHAT if chats else methods.COMPLETE
        return Call(method, self.request, self.read, self.request.model_name)

    @property
    def stream(self) -> Method[Any, Any]:
        """The method whose reply to the round comes in pieces."""
        chats = isinstance(self.request, pb.ChatRequest)
        return methods.CHAT_STREAM if chats else methods.COMPLETE_STREAM

    def read(self, response: pb.ChatResponse, beside: Answer) -> Reply:
        return replies.reply(response, beside, self._form)

    def so_far(self, whole: Whole, beside: Answer) -> Reply:
        """The caller's reply, if the round ended with what has come of it."""
        reply = self.read(whole.response(), beside)
        return replace(
            reply,
            usage=self._usage + reply.usage,
            messages=(*self._added, *reply.messages),
            rounds=(*self._spent, *reply.rounds),
        )

    def take(self, reply: Reply) -> tuple[Reply, Sequence[ToolCall]]:
        """The caller's reply after this round, and the calls to run before another round.

        Raises UnusableAnswer for calls after the last round there may be, and for one that
        was cut off.
        """
        self._usage += reply.usage
        self._added += reply.messages
        self._spent += reply.rounds
        whole = replace(
            reply,
            usage=self._usage,
            messages=tuple(self._added),
            rounds=tuple(self._spent),
        )
        calls = reply.tool_calls
        if not calls or not self.toolbox.runs_all(calls):
            return whole, ()
        if reply.finish_reason is FinishReason.LENGTH and not calls[-1].complete:
            raise UnusableAnswer(
                f"the call of {calls[-1].name} was cut off at max_tokens", text=reply.text
            )
        if self._rounds == self._max_rounds:
            asked = ", ".join(each.name for each in calls)
            raise UnusableAnswer(
                f"after {self._max_rounds} rounds of tools the model still calls {asked}; "
                "max_rounds allows more",
                text=reply.text,
            )
        self._rounds += 1
        assert isinstance(self.request, pb.ChatRequest)
        self.request.messages.extend(each.message() for each in reply.messages)
        # A tool that must be called has been: else there would be no end.
        self.request.ClearField("tool_choice")
        return whole, calls

    def answer(self, call: ToolCall, result: str) -> None:
        """The result of a call that `take` told to run."""
        assert isinstance(self.request, pb.ChatRequest)
        message = Message("tool", result, tool_call_id=call.id)
        self._added.append(message)
        self.request.messages.append(message.message())


def chat(
    messages: Iterable[Message],
    settings: Sampling,
    form: Format,
    toolbox: Toolbox,
    *,
    model: str,
    adapter: str,
    tool_choice: str | ToolLike,
    max_rounds: int,
) -> Exchange:
    """The exchange behind `Client.chat` and `Client.chat_stream`."""
    if max_rounds < 1:
        raise ValueError(f"max_rounds: {max_rounds} is less than 1")
    request = pb.ChatRequest(
        model_name=model,
        adapter=adapter,
        messages=[each.message() for each in messages],
        sampling=sampling(settings),
        format=form.message,
        tools=toolbox.messages(),
        tool_choice=toolbox.choice(tool_choice),
    )
    if request.sampling.n > 1 and toolbox.runs:
        raise ValueError("n: only one answer can go on with the results of tools")
    return Exchange(request, form, toolbox, max_rounds)


def complete(
    prompt: str | Sequence[int], settings: Sampling, form: Format, *, model: str, adapter: str
) -> Exchange:
    """The exchange behind `Client.complete` and `Client.complete_stream`."""
    request = pb.CompleteRequest(
        model_name=model, adapter=adapter, sampling=sampling(settings), format=form.message
    )
    _put(request, prompt)
    return Exchange(request, form)


def score(prompt: str | Sequence[int], *, model: str, adapter: str) -> Call[Score]:
    """The call behind `Client.score`."""
    request = pb.ScoreRequest(model_name=model, adapter=adapter)
    _put(request, prompt)
    return Call(methods.SCORE, request, replies.score, model)


def _put(request: pb.CompleteRequest | pb.ScoreRequest, prompt: str | Sequence[int]) -> None:
    """Raises TypeError or ValueError for a prompt that is neither text nor token ids."""
    if isinstance(prompt, str):
        request.text = prompt
        return
    try:
        ids = [operator.index(each) for each in prompt]
        request.token_ids.CopyFrom(pb.TokenIds(ids=ids))
    except TypeError:
        raise TypeError("prompt: give text, or token ids as integers") from None
    except ValueError:
        raise ValueError("prompt: token ids are 0 to 2**32 - 1") from None
