"""Every figure of the committed weights, of photographs of the test split: their people, places
and arrangements no training saw, and captions and memos are asked for in words held out."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model_repo.island.chat.pen import LANGUAGES, Sample
from model_repo.island.chat.served import Served
from model_repo.island.llava import entry, judging, lessons
from model_repo.island.llava.served import replies
from model_repo.island.training.cards import Figure
from model_repo.island.world.captions import Answered, Language, ask
from model_repo.island.world.scene import Photograph, photograph
from model_repo.island.world.splits import SPLITS

PHOTOGRAPHS: Final = 60
PRESENCE, COUNT, CAPTION = 0.85, 0.8, 0.85
_DRAWS: Final = 60  # of the world's questions, among which each kind that is there turns up
_OTHERS: Final = ("people", "place", "weather", "time", "action", "hair")


@dataclass(frozen=True, slots=True)
class Asked:
    """answered: the world's question with the truth behind it, None of captions and memos"""

    photo: Photograph
    sample: Sample
    answered: Answered | None = None


def evaluate(entry_root: Path, photographs: int = PHOTOGRAPHS) -> list[Figure]:
    """All figures, of replies that the cluster's own code gives; a minute or two on one core."""
    return asyncio.run(served(entry_root, photographs))


async def served(entry_root: Path, photographs: int = PHOTOGRAPHS) -> list[Figure]:
    first = SPLITS["test"].seeds.start
    photos = [photograph(seed) for seed in range(first, first + photographs)]
    asked = [each for photo in photos for each in questions(photo)]
    async with Served(entry_root, entry.NAME) as model:
        said = await replies(model, [(each.photo, each.sample) for each in asked])
    return figures(asked, said)


def questions(photo: Photograph) -> list[Asked]:
    """Of each kind that is there whether and how many, of as many that are not whether (of one
    at least), and in both languages a caption. Every other pair of photographs is asked all else,
    too: a question of every other topic and a memo. Of a pair, one is asked in Korean."""
    language = LANGUAGES[photo.seed % 2]
    unique: dict[tuple[str, str], Answered] = {}
    for variant in range(_DRAWS):
        for each in ask(photo, language, variant):
            subject = each.subject if each.topic in ("presence", "count") else ""
            unique.setdefault((each.topic, subject), each)
    presence = [each for each in unique.values() if each.topic == "presence"]
    there = [each for each in presence if each.value]
    absent = [each for each in presence if not each.value][: max(1, len(there))]
    chosen = [*there, *absent, *(each for each in unique.values() if each.topic == "count")]
    pens = [lessons.pen_of(photo, 0, "test", each) for each in LANGUAGES]
    samples = [lessons.caption(photo, pen) for pen in pens]
    if photo.seed // 2 % 2:
        chosen += [each for each in unique.values() if each.topic in _OTHERS]
        samples.append(lessons.memo(photo, lessons.pen_of(photo, 1, "test", language)))
    asked = [Asked(photo, lessons.question(each, language), each) for each in chosen]
    return [*asked, *(Asked(photo, sample) for sample in samples)]


def figures(asked: Sequence[Asked], said: Sequence[str]) -> list[Figure]:
    """What the replies are worth, each to what was asked in its place."""
    presence: list[judging.Presence] = []
    right: dict[str, list[bool]] = defaultdict(list)
    facts: dict[Language, list[tuple[int, int]]] = {"en": [], "ko": []}
    people: list[tuple[int, int]] = []
    for each, reply in zip(asked, said, strict=True):
        task, language, answered = each.sample.task, each.sample.language, each.answered
        if task == "presence" and answered:
            yes = judging.affirmed(reply, language)
            presence.append(judging.Presence(yes, bool(answered.value)))
        elif task == "count" and answered:
            number = judging.counted(reply, language, answered.subject)
            right[task].append(number == answered.value)
        elif task == "caption":
            facts[language].append(judging.told(reply, language, each.photo))
            people.append(judging.people_told(reply, language, each.photo))
        else:
            right[task].append(reply in each.sample.accepted)
    return [
        Figure("object presence F1", judging.f1(presence), PRESENCE),
        Figure("count accuracy", _share(right["count"]), COUNT),
        Figure("caption facts correct, English", _pooled(facts["en"]), CAPTION),
        Figure("caption facts correct, Korean", _pooled(facts["ko"]), CAPTION),
        Figure("people right in captions", _pooled(people)),
        *(Figure(f"answers about {topic} right", _share(right[topic])) for topic in _OTHERS),
        Figure("memos right", _share(right["memo"])),
    ]


def _share(right: Sequence[bool]) -> float:
    return sum(right) / max(1, len(right))


def _pooled(parts: Sequence[tuple[int, int]]) -> float:
    return sum(right for right, _ in parts) / max(1, sum(all_ for _, all_ in parts))
