"""Questions about a short text: notices of the island with names, days, numbers and places, of
which the one that is asked for must be found and copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from model_repo.island.chat import phrasings, words
from model_repo.island.chat.pen import Pen, Sample, Turn, answered, fill, turn

Slots = dict[str, str]


def _event(pen: Pen) -> Slots:
    when = words.date(pen)
    return {
        "name": pen.name(),
        "title": words.title(pen),
        "when": when.plain,
        "place": words.place(pen)[1],
        "clock": words.clock(pen).spoken,
    }


def _pet(pen: Pen) -> Slots:
    return {
        "name": (name := pen.name()),
        "animal": words.thing(pen, words.ANIMALS),
        "pet": pen.name(name),
    }


def _lost(pen: Pen) -> Slots:
    return {
        "name": pen.name(),
        "object": words.among(pen, words.OBJECTS),
        "colour": words.among(pen, words.COLOURS),
        "place": words.place(pen)[1],
    }


def _shop(pen: Pen) -> Slots:
    return {
        "name": pen.name(),
        "object": words.among(pen, words.OBJECTS),
        "price": str(pen.dice.whole(2, 99)),
    }


def _phone(pen: Pen) -> Slots:
    return {"name": pen.name(), "number": "".join(str(pen.dice.whole(0, 9)) for _ in range(4))}


def _work(pen: Pen) -> Slots:
    return {
        "name": pen.name(),
        "job": words.among(pen, words.JOBS),
        "place": words.place(pen)[1],
    }


def _likes(pen: Pen) -> Slots:
    return {"name": pen.name(), "colour": words.among(pen, words.COLOURS), "friend": pen.name()}


_PHRASES: Final = phrasings.read("notices")
_SLOTS: Final[dict[str, Callable[[Pen], Slots]]] = {
    "event": _event,
    "pet": _pet,
    "lost": _lost,
    "shop": _shop,
    "phone": _phone,
    "work": _work,
    "likes": _likes,
}


def notice(pen: Pen) -> Sample:
    """One to four facts of different kinds, and up to four questions about them."""
    facts = pen.dice.sample(_PHRASES["facts"], pen.dice.weighted((1, 2, 3, 4), (2, 4, 3, 1)))
    drawn = [_SLOTS[fact["key"]](pen) for fact in facts]
    text = " ".join(
        pen.say(fact["told"], **slots) for fact, slots in zip(facts, drawn, strict=True)
    )
    messages: list[Turn] = []
    said = ""
    for _ in range(pen.dice.whole(1, 4)):
        which = pen.dice.whole(0, len(facts) - 1)
        asks = pen.pick(facts[which]["asked"][pen.language])
        asked, said = pen.say(asks["said"], **drawn[which]), fill(asks["answer"], **drawn[which])
        if not messages:
            asked = fill(pen.pick(_PHRASES["frame"][pen.language]), text=text, question=asked)
        said = said[0].upper() + said[1:]
        messages += [turn("user", asked), turn("assistant", said)]
    return Sample("notices", pen.language, tuple(messages), frozenset((said,)))


def echo(pen: Pen) -> Sample:
    """Names and numbers said again: copying, in its purest form."""
    parts = [
        str(pen.name()) if pen.chance(0.7) else _phone(pen)["number"]
        for _ in range(pen.dice.whole(2, 7))
    ]
    text = ", ".join(parts)
    return answered("copies", pen, pen.say(_PHRASES["echo"], text=text), text)
