"""Tools in a body of `/v1/chat/completions`: what may be called, and what must be."""

from __future__ import annotations

from typing import Any, NamedTuple

from serving.models.chat import rules
from serving.models.chat.bounds import Wrong
from serving.openai.document import Reader, objects, text_of
from serving.runtimes.vllm.types import Tool


def tools_of(given: list[Any] | None, wrong: Wrong) -> tuple[Tool, ...]:
    """The functions a body offers; their schemas are measured before they are parsed."""
    found = []
    for reader in objects(given, "tools", wrong, most=rules.MOST_TOOLS + 1):
        require_function(reader, wrong)
        if function := reader.inner("function"):
            found.append(_function(function))
        else:
            wrong(f"{reader.path}function", "is missing")
        reader.end()
    if not rules.check_schemas((each.parameters for each in found), wrong):
        return ()
    tools = [_tool(each, wrong) for each in found]
    rules.check_tools(tools, "tools[{}].function", wrong)
    return tuple(tools)


class _Function(NamedTuple):
    """A tool as it was written. parameters: its schema as text, so that it can be measured"""

    name: str | None
    description: str
    parameters: str
    path: str


def _function(given: Reader) -> _Function:
    name, description = given.need("name", str), given.take("description", str)
    parameters = given.take("parameters", dict)
    given.ignore("strict")  # the model's own setting says
    given.end()
    text = text_of(parameters) if parameters else ""
    return _Function(name, description or "", text, given.path[:-1])


def _tool(given: _Function, wrong: Wrong) -> Tool:
    if given.name is None:
        return Tool("", "", {})
    return rules.tool(given.name, given.description, given.parameters, given.path, wrong)


def require_function(given: Reader, wrong: Wrong) -> None:
    """OpenAI knows tools of other types; here there are functions alone."""
    if given.need("type", str) not in (None, "function"):
        wrong(f"{given.path}type", "must be function")


def choice_of(given: Any, tools: list[str], wrong: Wrong) -> str:
    """auto, none, required, or the name of one of the tools."""
    if given is None:
        return "auto"
    if given in ("auto", "none", "required"):
        if given == "required" and not tools:
            wrong("tool_choice", "is required, and there are no tools")
        return str(given)
    if not isinstance(given, dict):
        wrong("tool_choice", "must be auto, none, required, or an object that names a function")
        return "auto"
    chosen = Reader(given, wrong, "tool_choice.")
    require_function(chosen, wrong)
    function = chosen.inner("function")
    chosen.end()
    name = function.need("name", str) if function else None
    if function is None:
        wrong("tool_choice.function", "is missing")
    else:
        function.end()
    if name is not None and name not in tools:
        wrong("tool_choice.function.name", "is none of the tools")
    return name or "auto"
