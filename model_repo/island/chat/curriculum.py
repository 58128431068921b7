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
from model_repo.island.chat.pen import KEYS, LANGUAGES, Pen, Sample, Side
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
    notices.notice: 10,
    notices.echo: 4,
    pictures.question: 12,
    pictures.caption: 5,
    pictures.memo: 7,
    talk.chat: 12,
    long: 2,
    wishes.persona: 6,
    wishes.memory: 5,
    wishes.summary: 4,
    wishes.expression: 3,
}
ADAPTERS: Final[Mapping[str, Lesson]] = {
    "persona": talk.persona,
    "memory": memories.memory,
    "summary": summaries.summary,
    "expression": expressions.expression,
}


def sample(lesson: Lesson, number: int, side: Side) -> Sample:
    """The lesson's conversation with this number, every other one in Korean."""
    key = zlib.crc32(f"{lesson.__module__}.{lesson.__name__}".encode())
    return lesson(Pen(Dice(21, key, KEYS[side], number), side, LANGUAGES[number % 2]))


def drawn(number: int, shares: Mapping[Lesson, int] = BASE) -> Sample:
    """Training's conversation with this number, its lesson drawn by the shares."""
    lesson = Dice(22, number).weighted(list(shares), list(shares.values()))
    return sample(lesson, number, "train")
