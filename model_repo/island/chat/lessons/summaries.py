"""The adapter `summary`: a dialogue of two people in, a sentence or two that sum it up out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from model_repo.island.chat import phrasings, words
from model_repo.island.chat.pen import Pen, Sample, answered, fill


def _event(pen: Pen) -> dict[str, str]:
    day = words.day(pen)
    return {"title": words.title(pen), "day": day.plain}


def _pet(pen: Pen) -> dict[str, str]:
    return {"animal": words.thing(pen, words.ANIMALS), "pet": pen.name()}


def _object(pen: Pen) -> dict[str, str]:
    return {"object": words.among(pen, words.OBJECTS), "place": words.place(pen)[1]}


_PHRASES: Final = phrasings.read("summaries")
_SLOTS: Final[dict[str, Callable[[Pen], dict[str, str]]]] = {
    "event": _event,
    "lend": _object,
    "lost": _object,
    "pet": _pet,
}


def summary(pen: Pen) -> Sample:
    """Two to five lines: a matter and its answer, mostly with a greeting and an ending."""
    matter = pen.pick(_PHRASES["matters"])
    a, b = pen.name(), ""
    b = pen.name(a)
    slots = {"a": a, "b": b, **_SLOTS[matter["key"]](pen)}
    way = pen.dice.whole(0, 1)
    lines = []
    if pen.chance(0.6):
        lines.append(f"{a}: {pen.say(_PHRASES['greets'], other=b)}")
        if pen.chance(0.5):
            lines.append(f"{b}: {pen.say(_PHRASES['greets'], other=a)}")
    lines.append(f"{a}: {pen.say(matter['opens'], **slots)}")
    lines.append(f"{b}: {pen.say(matter[('first', 'second')[way]], **slots)}")
    if pen.chance(0.5):
        lines.append(f"{a}: {pen.say(_PHRASES['ends'])}")
    return answered(
        "summary", pen, "\n".join(lines), fill(matter["sums"][pen.language][way], **slots)
    )
