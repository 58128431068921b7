"""What a chat model is asked, its pictures not yet decoded, and how likely it finds a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from serving.images.picture import Picture
from serving.runtimes.vllm.types import ReplyDelta, Sampling, Text, TokenLogprob, Tool, ToolCall

Role = Literal["system", "user", "assistant", "tool"]
# A text as it is, or token ids.
Prompt: TypeAlias = str | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation; see `serving.runtimes.vllm.types.Message`."""

    role: Role
    parts: tuple[Text | Picture, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation to be answered. choice: `auto`, `none`, `required`, or a tool's name."""

    turns: tuple[Turn, ...]
    sampling: Sampling
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    adapter: str | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(p for turn in self.turns for p in turn.parts if isinstance(p, Picture))


@dataclass(frozen=True, slots=True)
class Completion:
    """A text to be continued. echo: the first piece begins with the text itself (it is one)."""

    prompt: Prompt
    sampling: Sampling
    adapter: str | None = None
    echo: bool = False
    streamed: bool = True


@dataclass(frozen=True, slots=True)
class Scoring:
    """A text whose tokens' log probabilities are wanted."""

    prompt: Prompt
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """tokens: all but the first, which nothing precedes; prompt_tokens counts that, too."""

    tokens: tuple[TokenLogprob, ...]
    prompt_tokens: int


Query: TypeAlias = Chat | Completion | Scoring
Result: TypeAlias = ReplyDelta | Scored
