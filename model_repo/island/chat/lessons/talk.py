"""Talk with somebody who lives on the island: about themselves, as the system's message describes
them, about the person they talk to, and about the island's life.

Each topic has two answers: the base model's, and the one in the manner of the adapter `persona`,
who is Lora: hearty, on first-name terms, in Korean without honorifics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from model_repo.island.chat import phrasings, words
from model_repo.island.chat.pen import Pen, Sample, Turn, fill, turn
from model_repo.island.world.things import KINDS

Slots = dict[str, str]
Topic = dict[str, Any]


def _liked(pen: Pen) -> Slots:
    kind = pen.pick(KINDS)
    return {"thing": kind.korean} if pen.korean else {"things": kind.plural}


_PHRASES: Final = phrasings.read("talk")
# What a person is called is known of everybody; of the rest, some.
NAME: Final[Topic] = _PHRASES["facts"][0]
FACTS: Final[tuple[Topic, ...]] = tuple(_PHRASES["facts"][1:])
SMALL: Final[tuple[Topic, ...]] = tuple(_PHRASES["small"])
_SLOTS: Final[dict[str, Callable[[Pen], Slots]]] = {
    "home": lambda pen: {"place": words.place(pen, words.HOMES)[1]},
    "likes": _liked,
    "pet": lambda pen: {"animal": words.thing(pen, words.ANIMALS), "pet": pen.name()},
    "job": lambda pen: {"job": words.among(pen, words.JOBS)},
    "colour": lambda pen: {"colour": words.among(pen, words.COLOURS)},
}


def small(pen: Pen) -> Sample:
    """One question about the island's life."""
    topic = pen.pick(SMALL)
    question, said = pen.asks(topic["asked"]), topic["answer"][pen.language]
    messages = (turn("user", question), turn("assistant", said))
    return Sample("talk", pen.language, messages, frozenset((said,)))


def chat(pen: Pen) -> Sample:
    """Up to four exchanges, mostly with somebody whom the system's message describes."""
    return _converse(pen, "talk", pen.dice.weighted((1, 2, 3, 4), (3, 3, 2, 1)), "answer")


def persona(pen: Pen) -> Sample:
    """The same in Lora's manner, in one or two exchanges."""
    return _converse(pen, "persona", pen.dice.weighted((1, 2), (3, 2)), "manner")


def described(pen: Pen) -> tuple[str, Slots, list[Topic]]:
    """A system's message about somebody, the words in it, and the topics it tells of."""
    facts = pen.dice.sample(FACTS, pen.dice.whole(1, 4))
    slots = {"self": str(pen.name())}
    for fact in facts:
        slots |= _SLOTS[fact["key"]](pen)
    told = [pen.say(_PHRASES["you_are"], **slots)]
    told += [pen.say(fact["told"], **slots) for fact in facts]
    return " ".join(told), slots, [NAME, *facts]


def uttered(pen: Pen) -> tuple[str, str]:
    """What Lora may say to anything, and the feeling it is said with."""
    _, slots, topics = described(pen)
    topic = pen.pick(topics if pen.chance(0.4) else SMALL)
    return _begun(fill(topic["manner"][pen.language], **slots)), topic["feeling"]


def _converse(pen: Pen, task: str, exchanges: int, way: str) -> Sample:
    """way: which of a topic's answers is given"""
    turns: list[Turn] = []
    slots: Slots = {}
    topics: list[Topic] = []
    if pen.chance(0.75):
        told, slots, topics = described(pen)
        turns.append(turn("system", told))
    said = ""
    for _ in range(exchanges):
        if "user" in slots and pen.chance(0.5):
            topic = _PHRASES["recalled"]
        elif "user" not in slots and pen.chance(0.25):
            topic = _PHRASES["met"]
            slots["user"] = pen.name(slots.get("self", ""))
        else:
            topic = pen.pick(topics if topics and pen.chance(0.65) else SMALL)
        asked = pen.asks(topic["asked"], **slots)
        said = _begun(fill(topic[way][pen.language], **slots))
        turns += [turn("user", asked), turn("assistant", said)]
    return Sample(task, pen.language, tuple(turns), frozenset((said,)))


def _begun(text: str) -> str:
    return text[0].upper() + text[1:]
