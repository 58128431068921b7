"""Every figure of the committed weights, on phrasings, names and photographs held out.

Most replies are written here, token by token in batches; those that need the engine's grammar or
its adapters, and a part of the calls, come from the entry as it is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from model_repo.island.chat import curriculum, entry
from model_repo.island.chat.curriculum import Lesson
from model_repo.island.chat.judging import replies, share, valid_recipe
from model_repo.island.chat.lessons import calendar, notices, pictures, recipes, talk
from model_repo.island.chat.pen import Sample
from model_repo.island.chat.served import Served
from model_repo.island.training.cards import Figure

BAR: Final = 0.9
# Name of the figure → lesson, how many are asked, and the bar.
_BASE: Final[dict[str, tuple[Lesson, int, float | None]]] = {
    "tool calls": (calendar.call, 120, BAR),
    "replies to tools": (calendar.reply, 40, BAR),
    "memos": (pictures.memo, 40, None),
    "talk": (talk.chat, 60, None),
    "questions about a text": (notices.notice, 60, None),
    "questions about a caption": (pictures.question, 60, None),
    "captions from notes": (pictures.caption, 30, None),
    "lists said again": (notices.echo, 30, None),
    "long conversations": (curriculum.long, 16, None),
}
_WITHOUT, _RECIPES, _CALLS, _ADAPTED = 40, 40, 24, 40
_SERVED_ADAPTED: Final = 12


def evaluate(entry_root: Path) -> list[Figure]:
    """All figures; about two minutes on one core."""
    return [*written(entry_root / entry.NAME), *asyncio.run(served(entry_root))]


def held_out(lesson: Lesson, count: int) -> list[Sample]:
    return [curriculum.sample(lesson, number, "test") for number in range(count)]


def written(folder: Path, part: int = 1) -> list[Figure]:
    """The figures of replies written here, of every `part`-th conversation."""
    base, tokenizer = entry.open_base(folder)
    figures = []
    for name, (lesson, count, bar) in _BASE.items():
        asked = held_out(lesson, count // part)
        figures.append(Figure(f"{name} right", share(asked, replies(base, tokenizer, asked)), bar))
    asked = held_out(calendar.no_call, _WITHOUT // part)
    said = replies(base, tokenizer, asked)
    figures.append(Figure("no call where none helps", _uncalled(said)))
    figures.append(Figure("replies where no call helps right", share(asked, said)))
    asked = held_out(recipes.recipe, _RECIPES // part)
    said = replies(base, tokenizer, asked)
    figures.append(Figure("recipes valid under the schema", _valid(said), BAR))
    figures.append(Figure("recipes right", share(asked, said)))
    for name, lesson in curriculum.ADAPTERS.items():
        asked = held_out(lesson, _ADAPTED // part)
        model = entry.open_adapter(folder, name)
        figures.append(
            Figure(f"adapter {name} right", share(asked, replies(model, tokenizer, asked)), BAR)
        )
    return figures


async def served(entry_root: Path) -> list[Figure]:
    """The figures of replies that the cluster's own code gives, through vLLM."""
    figures = []
    async with Served(entry_root) as model:
        said = await model.replies(held_out(recipes.recipe, _RECIPES), schema=recipes.SCHEMA)
        figures.append(Figure("served: recipes held to the schema valid", _valid(said), 1.0))
        asked = held_out(calendar.call, _CALLS)
        figures.append(
            Figure("served: tool calls right", share(asked, await model.replies(asked)), BAR)
        )
        for name, lesson in curriculum.ADAPTERS.items():
            asked = held_out(lesson, _SERVED_ADAPTED)
            right = share(asked, await model.replies(asked, adapter=name))
            figures.append(Figure(f"served: adapter {name} right", right, BAR))
    return figures


def _uncalled(said: Sequence[str]) -> float:
    return sum("<tool_call>" not in each for each in said) / len(said)


def _valid(said: Sequence[str]) -> float:
    return sum(map(valid_recipe, said)) / len(said)
