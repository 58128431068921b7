"""seom.v1.ChatService: requests to the chat family's dataclasses.

An allow-list: what is not read here reaches no engine. Whatever is wrong with a request
is told at once, each field with its path; what depends on the model is the model's to judge.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from seom.pb.v1 import chat_pb2 as pb
from serving.errors import InvalidArgument
from serving.images.picture import Picture
from serving.models.chat import bounds, rules
from serving.models.chat.types import Chat, Completion, Prompt, Role, Scoring, Turn
from serving.runtimes.vllm.types import Constraint, Sampling, Text, Tool, ToolCall
from serving.services.fields import Fields

_ROLES: dict[int, Role] = {
    pb.Message.SYSTEM: "system",
    pb.Message.USER: "user",
    pb.Message.ASSISTANT: "assistant",
    pb.Message.TOOL: "tool",
}
_MODES = {
    pb.ToolChoice.AUTO: "auto",
    pb.ToolChoice.NONE: "none",
    pb.ToolChoice.REQUIRED: "required",
}
_SCALARS = tuple(sorted(bounds.FIELDS - {"stop"}))


def parse_chat(request: pb.ChatRequest) -> Chat:
    """Raises InvalidArgument naming every field that is wrong."""
    fields = Fields(request)
    turns = _turns(request.messages, fields)
    tools = _tools(request.tools, fields)
    choice = _choice(request, [tool.name for tool in tools], fields)
    if request.HasField("format") and tools and choice != "none":
        fields.wrong("format", "is decided by the tools; choose the one or the other")
    sampling = _sampling(request, fields)
    adapter = _adapter(request, fields)
    fields.check()
    return Chat(turns, sampling, tools, choice, adapter)


def parse_complete(request: pb.CompleteRequest) -> Completion:
    """Raises InvalidArgument naming every field that is wrong."""
    fields = Fields(request)
    prompt, sampling = _prompt(request, fields), _sampling(request, fields)
    adapter = _adapter(request, fields)
    fields.check()
    return Completion(prompt, sampling, adapter)


def parse_score(request: pb.ScoreRequest) -> Scoring:
    """Raises InvalidArgument naming every field that is wrong."""
    fields = Fields(request)
    prompt, adapter = _prompt(request, fields), _adapter(request, fields)
    fields.check()
    return Scoring(prompt, adapter)


def in_its_words(error: InvalidArgument, request: Any) -> InvalidArgument:
    """What the model or its engine found wrong, under the names the request has for it."""
    kind = request.format.WhichOneof("kind") if hasattr(request, "format") else None
    prompt = "messages" if isinstance(request, pb.ChatRequest) else request.WhichOneof("prompt")

    def path(field: str) -> str:
        if field in bounds.FIELDS:
            return f"sampling.{field}"
        if field == "token_ids":
            return "token_ids.ids"
        if field == "input_tokens":
            return prompt or field
        return f"format.{kind}" if kind and field in ("request", "structured_outputs") else field

    fields = [(path(field), problem) for field, problem in error.fields]
    if fields == list(error.fields):
        return error
    message = "; ".join(f"{field}: {problem}" for field, problem in fields)
    return InvalidArgument(message, fields=fields, reason=error.reason, metadata=error.metadata)


# Sampling and prompts ---------------------------------------------------------------


def _adapter(request: Any, fields: Fields) -> str | None:
    adapter = str(request.adapter) or None
    rules.check_adapter(adapter, "adapter", fields.wrong)
    return adapter


def _sampling(request: Any, fields: Fields) -> Sampling:
    given: dict[str, Any] = {
        name: getattr(request.sampling, name)
        for name in _SCALARS
        if request.sampling.HasField(name)
    }
    given["stop"] = list(request.sampling.stop)
    chosen = bounds.sampling(given, lambda name, text: fields.wrong(f"sampling.{name}", text))
    constraint = _constraint(request.format, fields) if request.HasField("format") else None
    return _with(chosen, constraint)


def _with(sampling: Sampling, constraint: Constraint | None) -> Sampling:
    return replace(sampling, constraint=constraint) if constraint else sampling


def _constraint(form: pb.Format, fields: Fields) -> Constraint | None:
    kind = form.WhichOneof("kind")
    if kind is None:
        fields.wrong("format", "is empty; set one of its fields, or leave it out")
        return None
    value = form.choice.texts if kind == "choice" else getattr(form, kind)
    return bounds.constraint(kind, value, lambda name, text: fields.wrong(f"format.{name}", text))


def _prompt(request: Any, fields: Fields) -> Prompt:
    kind = request.WhichOneof("prompt")
    ids = request.token_ids.ids
    if kind is None:
        fields.wrong("text", "is missing; send text or token_ids")
    elif kind == "text" and not request.text:
        fields.wrong("text", "is empty")
    elif kind == "text":
        rules.check_prompt(len(request.text), "text", fields.wrong)
    elif not ids:
        fields.wrong("token_ids.ids", "is empty")
    elif not rules.check_prompt(len(ids), "token_ids.ids", fields.wrong, tokens=True):
        return ()
    return tuple(ids) if kind == "token_ids" else str(request.text)


# Messages ---------------------------------------------------------------------------


def _turns(messages: Any, fields: Fields) -> tuple[Turn, ...]:
    if not rules.check_count(len(messages), fields.wrong):
        return ()
    turns = tuple(_turn(message, f"messages[{i}]", fields) for i, message in enumerate(messages))
    rules.check_order(turns, fields.wrong)
    rules.check_text(turns, fields.wrong)
    return turns


def _turn(message: pb.Message, path: str, fields: Fields) -> Turn:
    role = _ROLES.get(message.role)
    if role is None:
        fields.wrong(f"{path}.role", "must be SYSTEM, USER, ASSISTANT or TOOL")
        role = "user"
    if not rules.check_parts(len(message.parts), f"{path}.parts", fields.wrong):
        return Turn(role)
    if not rules.check_calls(len(message.tool_calls), f"{path}.tool_calls", fields.wrong):
        return Turn(role)
    parts = [_part(p, f"{path}.parts[{i}]", role, fields) for i, p in enumerate(message.parts)]
    if not message.parts and not message.tool_calls:
        fields.wrong(f"{path}.parts", "is empty")
    if message.tool_calls and role != "assistant":
        fields.wrong(f"{path}.tool_calls", "belong to messages of the ASSISTANT")
    if message.tool_call_id and role != "tool":
        fields.wrong(f"{path}.tool_call_id", "belongs to messages of role TOOL")
    calls = tuple(
        _call(call, f"{path}.tool_calls[{i}]", fields) for i, call in enumerate(message.tool_calls)
    )
    kept = tuple(part for part in parts if part is not None)
    return Turn(role, kept, calls, message.tool_call_id or None)


def _part(part: pb.Part, path: str, role: Role, fields: Fields) -> Text | Picture | None:
    match part.WhichOneof("kind"):
        case "text":
            return Text(part.text)
        case "image" if role == "user":
            return fields.image(part.image, f"{path}.image")
        case "image":
            fields.wrong(f"{path}.image", "may be in messages of the USER alone")
        case _:
            fields.wrong(path, "carries neither text nor image")
    return None


def _call(call: pb.ToolCall, path: str, fields: Fields) -> ToolCall:
    made = ToolCall(call.id, call.name, call.arguments)
    rules.check_call(made, path, path, fields.wrong)
    return made


# Tools ------------------------------------------------------------------------------


def _tools(tools: Any, fields: Fields) -> tuple[Tool, ...]:
    made: list[Tool] = []
    if not rules.check_schemas((tool.parameters for tool in tools), fields.wrong):
        return ()
    for index, tool in enumerate(tools):
        path = f"tools[{index}]"
        made.append(rules.tool(tool.name, tool.description, tool.parameters, path, fields.wrong))
    rules.check_tools(made, "tools[{}]", fields.wrong)
    return tuple(made)


def _choice(request: pb.ChatRequest, names: list[str], fields: Fields) -> str:
    chosen = request.tool_choice
    if chosen.name:
        if chosen.name not in names:
            fields.wrong("tool_choice.name", "is none of the tools")
        return str(chosen.name)
    mode = _MODES.get(cast(Any, chosen.mode))
    if mode is None:
        fields.wrong("tool_choice.mode", "must be AUTO, NONE or REQUIRED")
    if mode == "required" and not names:
        fields.wrong("tool_choice.mode", "is REQUIRED, and there are no tools")
    return mode or "auto"
