"""The calendar's tools: what the model is told of them, how a call is written, and what they
answer, with the words in which the model tells it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from model_repo.island.chat import words
from model_repo.island.chat.pen import Pen, Word

Arguments = Mapping[str, str]
# What a tool answers, and how that is told.
Result = tuple[dict[str, Any], str]


def _tool(name: str, description: str, required: str, optional: str = "") -> Mapping[str, Any]:
    fields = (required.split(), optional.split())
    parameters = {
        "type": "object",
        "properties": {field: {"type": "string"} for field in (*fields[0], *fields[1])},
        "required": fields[0],
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


TOOLS: Final = (
    _tool("add_event", "Adds an event.", "title date", "time who"),
    _tool("find_event", "Finds events.", "", "title date who"),
    _tool("change_event", "Moves an event.", "title", "date time"),
    _tool("delete_event", "Cancels an event.", "title", "date"),
    _tool("find_festival", "Finds festivals.", "month", "place"),
)


def spell(name: str, arguments: Arguments) -> str:
    """A call as the model writes it and vLLM's parser `hermes` reads it."""
    written = json.dumps({"name": name, "arguments": dict(arguments)}, ensure_ascii=False)
    return f"<tool_call>{written}</tool_call>"


def result(pen: Pen, name: str, arguments: Arguments) -> Result:
    """What a call brings."""
    return _RESULTS[name](pen, arguments)


def _added(pen: Pen, arguments: Arguments) -> Result:
    said = _event(pen, arguments)
    if pen.korean:
        return {"ok": True}, f"추가했어요: {said}."
    return {"ok": True}, f"Added: {said}."


def _found(pen: Pen, arguments: Arguments) -> Result:
    count = pen.dice.weighted((0, 1, 2), (2, 4, 3))
    if "title" in arguments:
        count = min(count, 1)
    events = []
    for _ in range(count):
        day = words.day(pen)
        clock = words.clock(pen)
        event = {"title": str(words.title(pen)), "date": day.note, "time": clock.note}
        events.append(event | {k: str(v) for k, v in arguments.items() if k in event})
    if not events:
        return {"events": []}, "일정이 없어요." if pen.korean else "I found nothing."
    told = "; ".join(_event(pen, event) for event in events)
    return {"events": events}, f"{told}{'입니다.' if pen.korean else '.'}"


def _changed(pen: Pen, arguments: Arguments) -> Result:
    if pen.chance(0.2):
        return {"ok": False}, _missing(pen, arguments)
    said = _event(pen, arguments)
    return {"ok": True}, f"옮겼어요: {said}." if pen.korean else f"Moved: {said}."


def _deleted(pen: Pen, arguments: Arguments) -> Result:
    if pen.chance(0.2):
        return {"ok": False}, _missing(pen, arguments)
    said = _event(pen, arguments)
    return {"ok": True}, f"취소했어요: {said}." if pen.korean else f"Cancelled: {said}."


def _festivals(pen: Pen, arguments: Arguments) -> Result:
    if pen.chance(0.25):
        return {"festivals": []}, "축제가 없어요." if pen.korean else "I found nothing."
    day = f"{arguments['month']}-{pen.dice.whole(1, 28):02}"
    festival = {"title": str(words.title(pen)), "date": day}
    end = "입니다." if pen.korean else "."
    return {"festivals": [festival]}, f"{_event(pen, festival)}{end}"


def _missing(pen: Pen, arguments: Arguments) -> str:
    title = Word(arguments["title"])
    return f"{title:을} 찾지 못했어요." if pen.korean else f"I could not find {title}."


def _event(pen: Pen, event: Arguments) -> str:
    """family picnic, 05-03, 15:00, Mina: what is known of an event, as it is noted."""
    fields = ("title", "date", "time", "who")
    return ", ".join(str(event[field]) for field in fields if field in event)


_RESULTS: Final[dict[str, Callable[[Pen, Arguments], Result]]] = {
    "add_event": _added,
    "find_event": _found,
    "change_event": _changed,
    "delete_event": _deleted,
    "find_festival": _festivals,
}
