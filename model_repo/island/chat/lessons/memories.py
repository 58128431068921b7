"""The adapter `memory`: a dialogue in, what is worth remembering of it out, one `[key: value]` a
line in the order told, or `[none]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from model_repo.island.chat import phrasings, words
from model_repo.island.chat.pen import Pen, Sample, answered, fill


def _pet(pen: Pen) -> dict[str, str]:
    return {"animal": words.thing(pen, words.ANIMALS), "pet": pen.name()}


def _plan(pen: Pen) -> dict[str, str]:
    day = words.day(pen)
    return {"title": words.title(pen), "day": day.plain, "bare": day.bare}


_PHRASES: Final = phrasings.read("memories")
_SLOTS: Final[dict[str, Callable[[Pen], dict[str, str]]]] = {
    "pet": _pet,
    "plan": _plan,
    "likes": lambda pen: {"thing": words.among(pen, words.COLOURS)},
    "job": lambda pen: {"job": words.among(pen, words.JOBS)},
    "birthday": lambda pen: {"date": words.date(pen).bare},
    "friend": lambda pen: {"name": pen.name()},
}
_LORA: Final = {"en": "Lora", "ko": "로라"}
_NONE: Final = {"en": "[none]", "ko": "[없음]"}


def memory(pen: Pen) -> Sample:
    """Up to three exchanges with Lora, of which up to two tell something."""
    lines, kept = [], []
    who, language = pen.name(), pen.language
    told = pen.dice.sample(_PHRASES["memories"], pen.dice.weighted((0, 1, 2), (1, 4, 2)))
    said = [*told, *[None] * pen.dice.whole(not told, 1)]
    for memory in pen.dice.sample(said, len(said)):
        slots = _SLOTS[memory["key"]](pen) if memory else {}
        lines.append(f"{who}: {pen.say(memory['told'] if memory else _PHRASES['idle'], **slots)}")
        lines.append(f"{_LORA[language]}: {pen.pick(_PHRASES['heard'][language])}")
        if memory:
            kept.append(fill(memory["kept"][language], **slots))
    return answered("memory", pen, "\n".join(lines), "\n".join(kept) or _NONE[language])
