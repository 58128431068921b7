"""What is taught and in what shares: the base's lessons, and each adapter's own."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Final

from model_repo.island.chat.lessons import (
    calendar,
    expressions,
    memories,
    notices,
    pictures,
    recipes,
    summaries,
    talk,
    wishes,
)
from model_repo.island.chat.pen import Pen, Sample, Side
from model_repo.island.world.captions import Language
from model_repo.island.world.dice import Dice

Lesson = Callable[[Pen], Sample]


def long(pen: Pen) -> Sample:
    """Three to seven lessons in one conversation, as they come when somebody goes on asking."""
    parts = (recipes.recipe, notices.notice, notices.echo, pictures.question, pictures.memo)
    drawn = [pen.pick(parts)(pen) for _ in range(pen.dice.whole(3, 7))]
    turns = tuple(turn for part in drawn for turn in part.messages)
    return Sample("long", pen.language, turns, drawn[-1].accepted)


# Shares, of about a hundred.
BASE: Final[Mapping[Lesson, int]] = {
    calendar.call: 14,
    calendar.reply: 8,
    calendar.no_call: 6,
    recipes.recipe: 6,
    notices.notice: 14,
    notices.echo: 4,
    pictures.question: 14,
    pictures.caption: 5,
    pictures.memo: 7,
    talk.chat: 10,
    long: 3,
    wishes.persona: 4,
    wishes.memory: 4,
    wishes.summary: 3,
    wishes.expression: 2,
}
ADAPTERS: Final[Mapping[str, Lesson]] = {
    "persona": talk.persona,
    "memory": memories.memory,
    "summary": summaries.summary,
    "expression": expressions.expression,
}
_KEYS: Final[Mapping[Side, int]] = {"train": 1, "validation": 2, "test": 3}
_LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")


def sample(lesson: Lesson, number: int, side: Side) -> Sample:
    """The lesson's conversation with this number, every other one in Korean."""
    key = zlib.crc32(f"{lesson.__module__}.{lesson.__name__}".encode())
    return lesson(Pen(Dice(21, key, _KEYS[side], number), side, _LANGUAGES[number % 2]))


def drawn(number: int, shares: Mapping[Lesson, int] = BASE) -> Sample:
    """Training's conversation with this number, its lesson drawn by the shares."""
    lesson = Dice(22, number).weighted(list(shares), list(shares.values()))
    return sample(lesson, number, "train")
