"""An answer that grows: its pieces as they come, and the whole they add up to."""

from __future__ import annotations

from dataclasses import dataclass, field

from seom.messages import ROLES, Role
from seom.pb.v1 import chat_pb2 as pb
from seom.replies import FinishReason, TokenLogprob, finish_reason, logprobs


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call; the first one has its id and name.

    index: the call's place among the answer's calls
    arguments_json: continues the arguments
    """

    index: int
    id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class Delta:
    """What one message of a stream adds to an answer.

    index: which of the `n` answers
    role: who speaks, with the answer's first piece; None with others
    finish_reason: None until the answer's last piece
    """

    text: str
    reasoning: str = ""
    index: int = 0
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    role: Role | None = None


@dataclass(slots=True)
class _GrowingCall:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Growing:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, _GrowingCall] = field(default_factory=dict)
    logprobs: list[pb.TokenLogprob] = field(default_factory=list)
    finish_reason: pb.FinishReason = pb.FINISH_REASON_UNSPECIFIED


class Whole:
    """The response that the messages of one stream add up to."""

    def __init__(self) -> None:
        self._answers: dict[int, _Growing] = {}
        self._rest = pb.ChatResponse()

    def add(self, message: pb.ChatDelta) -> Delta | None:
        """The message as the caller sees it; None for one that adds nothing to an answer."""
        self._rest.model_name = message.model_name or self._rest.model_name
        self._rest.model_version = message.model_version or self._rest.model_version
        for name in ("usage", "generation", "timing"):
            if message.HasField(name):
                getattr(self._rest, name).CopyFrom(getattr(message, name))
        delta = _delta(message)
        if delta == Delta("", index=delta.index):
            return None
        answer = self._answers.setdefault(message.index, _Growing())
        answer.text.append(message.text)
        answer.reasoning.append(message.reasoning)
        answer.logprobs.extend(message.logprobs)
        answer.finish_reason = message.finish_reason or answer.finish_reason
        for piece in message.tool_calls:
            call = answer.calls.setdefault(piece.index, _GrowingCall())
            call.id, call.name = call.id or piece.id, call.name or piece.name
            call.arguments.append(piece.arguments)
        return delta

    def response(self) -> pb.ChatResponse:
        """The whole so far."""
        made = pb.ChatResponse()
        made.CopyFrom(self._rest)
        for _, answer in sorted(self._answers.items()):
            whole = made.answers.add(
                text="".join(answer.text),
                reasoning="".join(answer.reasoning),
                logprobs=answer.logprobs,
                finish_reason=answer.finish_reason,
            )
            for _, call in sorted(answer.calls.items()):
                arguments = "".join(call.arguments)
                whole.tool_calls.add(id=call.id, name=call.name, arguments=arguments)
        return made


def _delta(message: pb.ChatDelta) -> Delta:
    return Delta(
        message.text,
        message.reasoning,
        message.index,
        tuple(ToolCallDelta(x.index, x.id, x.name, x.arguments) for x in message.tool_calls),
        logprobs(message.logprobs),
        finish_reason(message.finish_reason) if message.finish_reason else None,
        ROLES[message.role - 1] if 0 < message.role <= len(ROLES) else None,
    )
