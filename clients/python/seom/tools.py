"""Tools: functions a language model may ask for, described to it and run when it does.

Owns what becomes of a call: a tool that fails, and arguments that do not fit, are told to
the model, which can then do better.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from enum import Enum
from typing import Any, Self, TypeAlias, get_type_hints

from seom import _hints
from seom.errors import UnusableAnswer
from seom.messages import ToolCall
from seom.pb.v1 import chat_pb2 as pb

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MODES = {
    "auto": pb.ToolChoice.AUTO,
    "none": pb.ToolChoice.NONE,
    "required": pb.ToolChoice.REQUIRED,
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as the model sees it, and the function that runs it, if it is run here.

    >>> def add(a: int, b: int = 1) -> int:
    ...     "Adds two numbers."
    ...     return a + b
    >>> tool = Tool.of(add)
    >>> tool.name, tool.description, tool.parameters["required"]
    ('add', 'Adds two numbers.', ['a'])

    description: when to call it, for the model to read
    parameters: the JSON Schema of an object; None for no parameters
    function: takes the arguments by name. Without one, calls of the tool end the exchange
        and are in `Reply.tool_calls` for the caller to carry out

    Raises ValueError for a name the model could not call.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    function: Callable[..., Any] | None = None
    _typed: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in _MODES:
            raise ValueError(f"tools: {self.name!r} is no name for a tool; give it another")

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Self:
        """The tool of a function: its name, its docstring, and its hints as a schema.

        Parameters may be str, int, float, bool, list, dict, Literal, Optional and Enum, also
        as lists and dicts of those; Annotated[str, "…"] describes one. Raises TypeError for
        others, and for what is no function with a name.
        """
        name = getattr(function, "__name__", "")
        if not callable(function) or not _NAME.fullmatch(name):
            raise TypeError(f"tools: give named functions or Tools, not {function!r}")
        typed = _typed_parameters(function, name)
        properties = {
            each: _hints.schema(hint, f"tools: {name}({each})") for each, hint in typed.items()
        }
        required = [
            each.name
            for each in inspect.signature(function).parameters.values()
            if each.default is each.empty
        ]
        parameters = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        return cls(name, inspect.getdoc(function) or "", parameters, function, typed)

    @property
    def asynchronous(self) -> bool:
        """Whether the function must be awaited."""
        return inspect.iscoroutinefunction(self.function)

    def message(self) -> pb.Tool:
        schema = "" if self.parameters is None else json.dumps(self.parameters, ensure_ascii=False)
        return pb.Tool(name=self.name, description=self.description, parameters=schema)

    def arguments(self, call: ToolCall) -> dict[str, Any]:
        """The call's arguments as the function takes them; raises ValueError or the like."""
        given = call.arguments
        assert self.function is not None
        inspect.signature(self.function).bind(**given)
        return {
            name: _hints.value(self._typed[name], each, name) if name in self._typed else each
            for name, each in given.items()
        }


ToolLike: TypeAlias = Tool | Callable[..., Any]


class Toolbox:
    """The tools of one exchange, by name.

    Raises TypeError or ValueError for tools that cannot be, or not together.
    """

    def __init__(self, tools: Sequence[ToolLike], *, raise_errors: bool, waits: bool) -> None:
        if isinstance(tools, Tool) or not isinstance(tools, Iterable):
            raise TypeError("tools: give a sequence of functions or Tools, (tool,), not one")
        found = [each if isinstance(each, Tool) else Tool.of(each) for each in tools]
        self._by_name = {each.name: each for each in found}
        self._raise_errors = raise_errors
        if len(self._by_name) < len(found):
            raise ValueError("tools: two have the same name")
        for each in found:
            if waits and each.asynchronous:
                raise TypeError(f"tools: {each.name} must be awaited; AsyncClient does that")

    @property
    def runs(self) -> bool:
        """Whether there is any that is run here."""
        return any(each.function for each in self._by_name.values())

    def messages(self) -> list[pb.Tool]:
        return [each.message() for each in self._by_name.values()]

    def choice(self, choice: str | ToolLike) -> pb.ToolChoice | None:
        """What is said of the model's choice; raises ValueError for a tool there is not."""
        if choice == "auto":
            return None
        if isinstance(choice, str) and choice in _MODES:
            return pb.ToolChoice(mode=_MODES[choice])
        name = choice.name if isinstance(choice, Tool) else getattr(choice, "__name__", choice)
        if name not in self._by_name:
            known = ", ".join([*_MODES, *self._by_name])
            raise ValueError(f"tool_choice: {name!r} is none of {known}")
        return pb.ToolChoice(name=str(name))

    def runs_all(self, calls: Sequence[ToolCall]) -> bool:
        """Whether every call can be answered here; one of an unknown tool is, by an error."""
        asked = [self._by_name.get(each.name) for each in calls]
        return self.runs and all(tool is None or tool.function is not None for tool in asked)

    def run(self, call: ToolCall) -> str:
        """What the model is told of a call: the function's result, or what went wrong."""
        if isinstance(prepared := self._prepare(call), str):
            return prepared
        function, arguments = prepared
        try:
            return _text(function(**arguments))
        except Exception as error:
            return self._failed(error)

    async def run_async(self, call: ToolCall) -> str:
        """As `run`; plain functions run in a thread, for they may block."""
        if isinstance(prepared := self._prepare(call), str):
            return prepared
        function, arguments = prepared
        try:
            if inspect.iscoroutinefunction(function):
                return _text(await function(**arguments))
            return _text(await asyncio.to_thread(function, **arguments))
        except Exception as error:
            return self._failed(error)

    def _prepare(self, call: ToolCall) -> tuple[Callable[..., Any], dict[str, Any]] | str:
        """The function and its arguments, or what is wrong with the call."""
        tool = self._by_name.get(call.name)
        if tool is None or tool.function is None:
            return f"error: there is no tool {call.name!r}; there are {', '.join(self._by_name)}"
        try:
            return tool.function, tool.arguments(call)
        except (TypeError, ValueError, UnusableAnswer) as error:
            return f"error: {error}"

    def _failed(self, error: Exception) -> str:
        if self._raise_errors:
            raise error
        return f"error: {type(error).__name__}: {error}"


def _typed_parameters(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"tools: {name}: a type hint cannot be read: {error}") from None
    parameters = inspect.signature(function).parameters.values()
    for each in parameters:
        if each.kind not in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
            raise TypeError(f"tools: {name}({each}): a tool takes its arguments by name")
        if each.name not in hints:
            raise TypeError(f"tools: {name}({each.name}): has no type hint")
    return {each.name: hints[each.name] for each in parameters}


def _text(result: Any) -> str:
    return (
        result
        if isinstance(result, str)
        else json.dumps(result, ensure_ascii=False, default=_plain)
    )


def _plain(result: Any) -> Any:
    if isinstance(result, Enum):
        return result.value
    return asdict(result) if is_dataclass(result) and not isinstance(result, type) else str(result)
