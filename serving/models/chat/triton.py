"""A chat model's tensors over the Open Inference Protocol: those of Triton's vLLM backend.

text_input                BYTES [1]   the text to be continued, no chat template around it
stream                    BOOL  [1]   one response a piece, or one in all (the default)
sampling_parameters       BYTES [1]   a JSON object of the names in `bounds.FIELDS` but `n`,
                                      and `lora_name`, an adapter; numbers may be texts
exclude_input_in_output   BOOL  [1]   whether text_output leaves text_input out; must be
                                      true, and is, where the answer is streamed
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from serving.errors import InvalidArgument
from serving.models.base import Tensors
from serving.models.chat import bounds, rules
from serving.models.chat.types import Completion

_ALLOWED = bounds.FIELDS - {"n"}
_ADAPTER = "lora_name"
# What Triton's clients send with every request, or on request.
_ACCEPTED = frozenset(
    {
        "triton_enable_empty_final_response",
        "sequence_id",
        "sequence_start",
        "sequence_end",
        "priority",
        "timeout",
    }
)


def parse(tensors: Tensors, parameters: Mapping[str, Any]) -> Completion:
    """Raises InvalidArgument naming everything that is wrong.

    parameters: the request's own; none of them is an engine's
    """
    problems = [
        (f"parameters[{name[:64]}]", "is unknown; what is sampled goes into sampling_parameters")
        for name in sorted(set(parameters) - _ACCEPTED)
    ]

    def wrong(field: str, problem: str) -> None:
        problems.append((f"sampling_parameters.{field}", problem))

    text = _text(tensors, "text_input", problems)
    if not text and not problems:
        problems.append(("text_input", "is empty"))
    rules.check_prompt(len(text), "text_input", lambda *problem: problems.append(problem))
    given = _object(_text(tensors, "sampling_parameters", problems), problems)
    for name in sorted(set(given) - _ALLOWED - {_ADAPTER}):
        wrong(name[:64], f"is unknown; there are {', '.join(sorted({*_ALLOWED, _ADAPTER}))}")
    numbers = {name: _number(name, value) for name, value in given.items() if name in _ALLOWED}
    sampling = bounds.sampling(numbers, wrong)
    adapter = given.get(_ADAPTER)
    if adapter is not None and not isinstance(adapter, str):
        wrong(_ADAPTER, "must be a text")
    elif adapter:
        rules.check_adapter(adapter, _ADAPTER, wrong)
    streamed = _flag(tensors, "stream", False)
    excluded = _flag(tensors, "exclude_input_in_output", streamed)
    if streamed and not excluded:
        problems.append(("exclude_input_in_output", "must be true where `stream` is"))
    if problems:
        message = "; ".join(f"{field}: {problem}" for field, problem in problems)
        raise InvalidArgument(message, fields=problems)
    return Completion(text, sampling, adapter or None, echo=not excluded, streamed=streamed)


def _text(tensors: Tensors, name: str, problems: list[tuple[str, str]]) -> str:
    try:
        return str(tensors[name][0].decode()) if name in tensors else ""
    except UnicodeDecodeError:
        problems.append((name, "must be UTF-8 text"))
        return ""


def _flag(tensors: Tensors, name: str, default: bool) -> bool:
    return bool(tensors[name][0]) if name in tensors else default


def _object(text: str, problems: list[tuple[str, str]]) -> dict[str, Any]:
    if not text:
        return {}
    if not bounds.json_object(text):
        problems.append(("sampling_parameters", "must be a JSON object"))
        return {}
    found: dict[str, Any] = json.loads(text)
    return found


def _number(name: str, value: Any) -> Any:
    """Triton's own clients send numbers as texts."""
    if name == "stop" or not isinstance(value, str):
        return value
    try:
        return json.loads(value[:32])
    except ValueError:
        return value
