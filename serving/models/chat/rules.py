"""What a conversation and its tools must look like, through whichever door they come.

`bounds` says how far one value may go, this how values go together. The doors read their
own messages; what they have made of them is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from serving.models.chat import bounds
from serving.models.chat.bounds import Wrong
from serving.models.chat.types import Turn
from serving.runtimes.vllm.options import NAME
from serving.runtimes.vllm.types import Text, Tool, ToolCall

MOST_MESSAGES, MOST_PARTS = 4096, 256
MOST_TOOLS = MOST_CALLS = 128
MOST_SCHEMAS = 512 * 2**10
MOST_TEXT = MOST_TOKENS = 2**20
LONGEST_DESCRIPTION = 4 * 2**10
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ADAPTER = re.compile(NAME)
_CALL_ID = re.compile(r"[!-~]{1,128}")
_NAMED = "must have 1 to 64 letters, digits, underscores and dashes"


def check_adapter(name: str | None, path: str, wrong: Wrong) -> None:
    """Whether it is a name at all, and no path or address; the model knows whether it has it."""
    if name is not None and not _ADAPTER.fullmatch(name):
        wrong(path, "is no adapter's name; such has 1 to 63 of a-z, 0-9, dot, dash, underscore")


def check_count(messages: int, wrong: Wrong) -> bool:
    """Whether there are messages, and few enough to be looked at."""
    if not messages:
        wrong("messages", "is empty; send at least one message")
    if messages > MOST_MESSAGES:
        wrong("messages", f"has {messages}; at most {MOST_MESSAGES} are allowed")
    return 0 < messages <= MOST_MESSAGES


def check_parts(parts: int, path: str, wrong: Wrong) -> bool:
    """Whether a message's parts are few enough to be looked at."""
    if parts > MOST_PARTS:
        wrong(path, f"has {parts}; at most {MOST_PARTS} are allowed")
    return parts <= MOST_PARTS


def check_calls(calls: int, path: str, wrong: Wrong) -> bool:
    """Whether a message's tool calls are few enough to be looked at."""
    if calls > MOST_CALLS:
        wrong(path, f"has {calls}; at most {MOST_CALLS} are allowed")
    return calls <= MOST_CALLS


def check_text(turns: Iterable[Turn], wrong: Wrong) -> None:
    """Long before a tokenizer sees it: no context has room for so much."""
    texts = sum(len(part.text) for t in turns for part in t.parts if isinstance(part, Text))
    if texts > MOST_TEXT:
        wrong("messages", f"have {texts} characters of text; at most {MOST_TEXT} are allowed")


def check_prompt(length: int, path: str, wrong: Wrong, *, tokens: bool = False) -> bool:
    """Whether a text to be continued, or its token ids, are few enough to be looked at."""
    most, unit = (MOST_TOKENS, "token ids") if tokens else (MOST_TEXT, "characters")
    if length > most:
        wrong(path, f"has {length} {unit}; at most {most} are allowed")
    return length <= most


def check_order(turns: Iterable[Turn], wrong: Wrong) -> None:
    """System first; a tool's result after the call it answers; the last word not the model's."""
    asked: set[str] = set()
    last: Turn | None = None
    for index, turn in enumerate(turns):
        path = f"messages[{index}]"
        if turn.role == "system" and last is not None and last.role != "system":
            wrong(f"{path}.role", "is the system's, whose messages come before all others")
        if turn.role == "tool":
            if turn.tool_call_id not in asked:
                text = "names no call of the assistant's message before that is still open"
                wrong(f"{path}.tool_call_id", text)
            asked.discard(turn.tool_call_id or "")
        else:
            asked = {call.id for call in turn.tool_calls}
        last = turn
    if last is not None and last.role not in ("user", "tool"):
        wrong("messages", "must end with a message of the user, or of a tool")


def check_call(call: ToolCall, path: str, function: str, wrong: Wrong) -> None:
    """path, function: where the call's id lies, and where its name and arguments do."""
    if not _CALL_ID.fullmatch(call.id):
        wrong(f"{path}.id", "must have 1 to 128 visible ASCII characters")
    if not _TOOL_NAME.fullmatch(call.name):
        wrong(f"{function}.name", _NAMED)
    if not bounds.json_object(call.arguments):
        wrong(f"{function}.arguments", "must be a JSON object")


def tool(name: str, description: str, parameters: str, path: str, wrong: Wrong) -> Tool:
    """parameters: a JSON Schema as text; a function without parameters where it is empty."""
    if not _TOOL_NAME.fullmatch(name):
        wrong(f"{path}.name", _NAMED)
    if len(description) > LONGEST_DESCRIPTION:
        text = f"has {len(description)} characters; at most {LONGEST_DESCRIPTION} are allowed"
        wrong(f"{path}.description", text)
    schema: dict[str, Any] | None = {"type": "object", "properties": {}}
    if parameters:
        schema = bounds.schema(parameters, f"{path}.parameters", wrong)
        if schema is not None and schema.get("type") != "object":
            wrong(f"{path}.parameters", 'must be a schema of "type": "object"')
    return Tool(name, description, schema or {})


def check_schemas(texts: Iterable[str], wrong: Wrong) -> bool:
    """Whether the tools' schemas are together small enough to be parsed."""
    length = sum(map(len, texts))
    if length > MOST_SCHEMAS:
        text = f"have {length} characters of schemas; at most {MOST_SCHEMAS} are allowed"
        wrong("tools", text)
    return length <= MOST_SCHEMAS


def check_tools(tools: Sequence[Tool], path: str, wrong: Wrong) -> None:
    """path: where the tool of an index, `{}`, has its name"""
    if len(tools) > MOST_TOOLS:
        wrong("tools", f"has {len(tools)}; at most {MOST_TOOLS} are allowed")
    names = [tool.name for tool in tools[:MOST_TOOLS]]
    for index, name in enumerate(names):
        if name in names[:index]:
            wrong(f"{path.format(index)}.name", "is another tool's, too")
    schemas = (tool.parameters for tool in tools[:MOST_TOOLS])
    fields = (f"{path.format(index)}.parameters" for index in range(MOST_TOOLS))
    bounds.check_patterns(dict(zip(fields, schemas, strict=False)), wrong)
