"""What is said in a conversation, in any form a caller may hold it, as it goes on the wire.

Owns the rule that tells text from photos: among the parts of a message a str is text,
always, and a photo's file is a pathlib.Path.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from seom import images
from seom.errors import UnusableAnswer
from seom.images import Photo
from seom.pb.v1 import chat_pb2 as pb

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = get_args(Role)

# A piece of a message: a str is text, everything else a photo.
Part: TypeAlias = Photo
_PHOTOS = (os.PathLike, bytes, bytearray, memoryview, np.ndarray, images.PILImage)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for.

    id: what the result's message names as its `tool_call_id`
    arguments_json: as the model wrote them; it may have written no JSON at all
    """

    id: str
    name: str
    arguments_json: str

    @property
    def arguments(self) -> dict[str, Any]:
        """By name; raises UnusableAnswer where the model wrote no JSON object."""
        try:
            found = json.loads(self.arguments_json or "{}")
        except ValueError as error:
            found, why = None, str(error)
        else:
            why = f"it is a {type(found).__name__}"
        if isinstance(found, dict):
            return found
        raise UnusableAnswer(
            f"the arguments of {self.name} are no JSON object ({why}): {self.arguments_json!r}",
            text=self.arguments_json,
        )

    @property
    def complete(self) -> bool:
        """Whether the model wrote a JSON object."""
        try:
            return isinstance(self.arguments, dict)
        except UnusableAnswer:
            return False


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    >>> Message("user", "Hello!").role
    'user'

    role: "system", "user", "assistant" or "tool"
    content: text, or a sequence of text and photos; a str is text, so a photo's file is
        a pathlib.Path
    tool_calls: of an assistant's message, the calls it asked for
    tool_call_id: of a tool's message, which call it is the result of

    Raises TypeError or ValueError for what can be no message.
    """

    role: Role
    content: str | Part | Sequence[Part] = ""
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str = ""

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"role: {self.role!r} is none of {', '.join(ROLES)}")
        _parts(self.content)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The content as a sequence, whatever it was given as."""
        return _parts(self.content)

    def message(self) -> pb.Message:
        """As seom.v1.Message; photos are read here, with images.message's errors."""
        made = pb.Message(role=self.role.upper(), tool_call_id=self.tool_call_id)
        for part in self.parts:
            if isinstance(part, str):
                made.parts.add(text=part)
            else:
                made.parts.add(image=images.message(part))
        for call in self.tool_calls:
            # What is no JSON is told as no arguments; the call's result says what it was.
            arguments = call.arguments_json if call.complete else "{}"
            made.tool_calls.add(id=call.id, name=call.name, arguments=arguments)
        return made


Prompt: TypeAlias = str | Message | Sequence[Part | Message | Mapping[str, Any]]


def conversation(prompt: Prompt, system: str | None) -> tuple[Message, ...]:
    """The messages a prompt stands for, the system's first.

    Raises TypeError or ValueError for a prompt that is none.
    """
    messages = _messages(prompt)
    if system is None:
        return messages
    if any(each.role == "system" for each in messages):
        raise ValueError("system: there is a system message among the messages already")
    return (Message("system", system), *messages)


async def loaded(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages with their photos' files read, while the event loop goes on."""
    return tuple([replace(each, content=await _read(each.parts)) for each in messages])


async def _read(parts: Sequence[Part]) -> Sequence[Part]:
    return [part if isinstance(part, str) else await images.loaded(part) for part in parts]


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    if isinstance(prompt, Message):
        return (prompt,)
    if not _several(prompt):
        raise TypeError(
            "prompt: give text, [photo, text] or a sequence of messages, "
            f"not one {type(prompt).__name__}"
        )
    if not prompt:
        raise ValueError("prompt: is empty; give at least one message")
    said = [isinstance(each, Message | Mapping) for each in prompt]
    if not any(said):
        return (Message("user", prompt),)  # type: ignore[arg-type]
    if not all(said):
        raise TypeError(
            "prompt: messages and bare text or photos are mixed; put these into a Message"
        )
    return tuple(_message(each, index) for index, each in enumerate(prompt))


def _message(given: Any, index: int) -> Message:
    """A message from a dict, whose keys are a Message's fields."""
    if isinstance(given, Message):
        return given
    try:
        return Message(**given)
    except TypeError as error:
        raise TypeError(
            f"messages[{index}]: {error}; a message's keys are role, content, "
            "tool_calls (of ToolCall) and tool_call_id"
        ) from None
    except ValueError as error:
        raise ValueError(f"messages[{index}]: {error}") from None


def _parts(content: Any) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (content,) if content else ()
    if isinstance(content, _PHOTOS):
        return (content,)
    if not _several(content):
        raise TypeError(f"content: give text, or text and photos, not {type(content).__name__}")
    for part in content:
        if not isinstance(part, (str, *_PHOTOS)):
            raise TypeError(
                "content: a part is text (str) or a photo (a pathlib.Path, bytes, a PIL image "
                f"or a uint8 array), not {type(part).__name__}"
            )
    return tuple(content)


def _several(given: Any) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, (str, *_PHOTOS))
