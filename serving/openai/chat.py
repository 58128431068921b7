"""POST /v1/chat/completions: a body to a Chat, and nothing of it further than that.

Beyond OpenAI's own fields those of `bounds` may be set (top_k, min_p, min_tokens,
repetition_penalty) and vLLM's `structured_outputs`. A field with no meaning here is
refused, and so is a picture by its address, which nobody here would follow: its bytes
come as a `data:` URL.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import replace
from typing import Any

from serving.errors import Unimplemented
from serving.images.picture import Picture
from serving.models.chat import bounds, rules
from serving.models.chat.bounds import Wrong
from serving.models.chat.types import Chat, Role, Turn
from serving.openai.asked import Asked, take_ignored, take_model, take_sampling, take_streaming
from serving.openai.document import Reader, objects, text_of
from serving.openai.tools import choice_of, require_function, tools_of
from serving.runtimes.vllm.types import Constraint, Text, ToolCall
from serving.services.fields import Fields

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_ADDRESS = re.compile(r"(?!data:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_DATA = re.compile(r"data:(image/[a-z0-9.+-]{1,32})?;base64,", re.IGNORECASE)


def parse(given: dict[str, Any]) -> Asked[Chat]:
    """Raises InvalidArgument naming every field that is wrong; Unimplemented for a picture
    that would have to be fetched."""
    fields = Fields(None)
    wrong = fields.wrong
    body = Reader(given, wrong)
    model, adapter = take_model(body, wrong)
    turns = _turns(body, wrong)
    tools = tools_of(body.take("tools", list), wrong)
    choice = choice_of(body.take_any("tool_choice"), [tool.name for tool in tools], wrong)
    several = body.take("parallel_tool_calls", bool) is not False
    words = _words(body, wrong)
    logprobs = body.take("logprobs", bool)
    sampling = take_sampling(body, words, wrong)
    if logprobs:
        sampling = replace(sampling, logprobs=sampling.logprobs or 0)
    elif sampling.logprobs is not None:
        wrong("top_logprobs", "needs `logprobs` to be true")
    if constraint := _format(body.inner("response_format"), wrong):
        if sampling.constraint:
            wrong("response_format", "is the same as `structured_outputs`; send one of them")
        sampling = replace(sampling, constraint=constraint)
    if sampling.constraint and tools and choice != "none":
        wrong("response_format", "is decided by the tools; choose the one or the other")
    streamed, usage = take_streaming(body, wrong)
    take_ignored(body, wrong)
    body.end()
    fields.check()
    item = Chat(turns, sampling, tools, choice, adapter)
    return Asked(model, item, streamed, usage, several, words)


def _words(body: Reader, wrong: Wrong) -> dict[str, str]:
    """`max_tokens` has two names, of which the younger is preferred."""
    words = {"logprobs": "top_logprobs", "input_tokens": "messages"}
    form = "structured_outputs" if body.has("structured_outputs") else "response_format"
    words |= dict.fromkeys(("request", "structured_outputs"), form)
    if body.has("max_completion_tokens"):
        words["max_tokens"] = "max_completion_tokens"
        if body.has("max_tokens"):
            wrong("max_tokens", "is the old name of max_completion_tokens; send one of them")
            body.ignore("max_tokens")
    return words


def _format(given: Reader | None, wrong: Wrong) -> Constraint | None:
    if given is None:
        return None
    kind = given.need("type", str)
    schema = given.inner("json_schema") if kind == "json_schema" else None
    given.end()
    if kind == "json_object":
        return bounds.constraint("json_object", True, wrong)
    if kind == "json_schema" and schema is None:
        wrong("response_format.json_schema", "is missing")
    elif kind not in (None, "text", "json_schema"):
        wrong("response_format.type", "must be text, json_object or json_schema")
    if schema is None:
        return None
    schema.ignore("name", "description", "strict")  # it is always strict
    found = schema.need("schema", dict)
    schema.end()
    if found is None:
        return None
    path = "response_format.json_schema.schema"
    text = text_of(found)
    return bounds.constraint("json_schema", text, lambda _, problem: wrong(path, problem))


# Messages ---------------------------------------------------------------------------


def _turns(body: Reader, wrong: Wrong) -> tuple[Turn, ...]:
    if not body.has("messages"):
        wrong("messages", "is missing")
    given = body.take("messages", list)
    if given is None or not rules.check_count(len(given), wrong):
        return ()
    turns = tuple(_turn(message, wrong) for message in objects(given, "messages", wrong))
    rules.check_order(turns, wrong)
    rules.check_text(turns, wrong)
    return turns


def _turn(message: Reader, wrong: Wrong) -> Turn:
    path = message.path
    named = message.need("role", str)
    role = _ROLES.get(named or "")
    if named is not None and role is None:
        wrong(f"{path}role", f"must be one of {', '.join(_ROLES)}")
    role = role or "user"
    parts = _parts(message.take_any("content"), f"{path}content", role, wrong)
    calls: tuple[ToolCall, ...] = ()
    if role == "assistant":
        given = message.take("tool_calls", list)
        if not rules.check_calls(len(given or ()), f"{path}tool_calls", wrong):
            return Turn(role)
        calls = tuple(_call(c, wrong) for c in objects(given, f"{path}tool_calls", wrong))
        # An answer comes back with what we put beside its text.
        message.ignore("refusal", "reasoning", "annotations", "audio", "function_call")
    answers = message.take("tool_call_id", str) if role == "tool" else None
    message.ignore("name")
    message.end()
    if not parts and not calls:
        wrong(f"{path}content", "is missing")
    return Turn(role, parts, calls, answers)


def _parts(content: Any, path: str, role: Role, wrong: Wrong) -> tuple[Text | Picture, ...]:
    if isinstance(content, str):
        return (Text(content),)
    if content is None:
        return ()
    if not isinstance(content, list):
        wrong(path, "must be a string or a list of parts")
        return (Text(""),)
    if not rules.check_parts(len(content), path, wrong):
        return (Text(""),)
    return tuple(_part(part, role, wrong) for part in objects(content, path, wrong))


def _part(part: Reader, role: Role, wrong: Wrong) -> Text | Picture:
    made: Text | Picture | None = None
    match part.need("type", str):
        case "text":
            text = part.need("text", str)
            made = None if text is None else Text(text)
        case "image_url" if role == "user":
            made = _picture(part, wrong)
        case "image_url":
            wrong(f"{part.path}type", "is image_url, which belongs in messages of the user")
            return Text("")
        case str():
            wrong(f"{part.path}type", "must be text or image_url")
            return Text("")
    part.end()
    return made or Text("")


def _picture(part: Reader, wrong: Wrong) -> Picture | None:
    path = f"{part.path}image_url"
    image = part.inner("image_url")
    if image is None:
        wrong(path, "is missing")
        return None
    image.ignore("detail")
    url = image.need("url", str)
    image.end()
    if url is None:
        return None
    if _ADDRESS.match(url):
        raise Unimplemented(
            f"{path}.url: nothing is fetched from addresses; send the picture as a data: URI",
            reason="NOT_FETCHED",
            metadata={"field": f"{path}.url"},
        )
    head = _DATA.match(url)
    if head is None:
        wrong(f"{path}.url", "must read data:image/…;base64,…")
        return None
    try:
        encoded = binascii.a2b_base64(url[head.end() :], strict_mode=True)
    except ValueError:
        encoded = b""
    if not encoded:
        wrong(f"{path}.url", "is no base64")
        return None
    return Picture(encoded=encoded, field=f"{path}.url")


def _call(given: Reader, wrong: Wrong) -> ToolCall:
    made = given.need("id", str) or ""
    require_function(given, wrong)
    function = given.inner("function")
    if function is None:
        wrong(f"{given.path}function", "is missing")
        call = ToolCall("", "", "")
    else:
        name, arguments = function.need("name", str), function.need("arguments", str)
        function.end()
        call = ToolCall(made, name or "", arguments or "")
        if name is not None and arguments is not None:
            rules.check_call(call, given.path[:-1], function.path[:-1], wrong)
    given.end()
    return call
