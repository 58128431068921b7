"""Replies about photographs judged against what is true of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from model_repo.island.world import english, korean
from model_repo.island.world.captions import Language, counts
from model_repo.island.world.reading import Facts, read
from model_repo.island.world.scene import Photograph

_YES: Final[dict[Language, str]] = {"en": "yes", "ko": "네"}


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a kind was said to be there, and whether it is."""

    said: bool
    true: bool


def affirmed(reply: str, language: Language) -> bool:
    """Whether a reply says yes; all else says no."""
    return reply.lower().startswith(_YES[language])


def f1(answers: Sequence[Presence]) -> float:
    """Of yes: the harmonic mean of precision and recall; 0 where no yes was right."""
    right = sum(each.said and each.true for each in answers)
    return 2 * right / max(1, sum(each.said + each.true for each in answers))


def counted(reply: str, language: Language, kind: str) -> int | None:
    """The number that a reply tells of a kind, None where it tells none."""
    return read(reply, language).counts.get(kind)


def facts(photo: Photograph) -> Facts:
    """What a caption has to say of scene and things."""
    return Facts(counts(photo), photo.place, photo.weather, photo.time)


def told(caption: str, language: Language, photo: Photograph) -> tuple[int, int]:
    """How many facts a caption tells truly, out of all that are true and all it tells besides.

    A fact is the place, the weather, the time of day, or a kind with its count; a kind with a
    wrong count is one fact, and wrong.
    """
    said, true = _listed(read(caption, language)), _listed(facts(photo))
    return sum(true.get(name) == value for name, value in said.items()), len(said | true)


def people_told(caption: str, language: Language, photo: Photograph) -> tuple[int, int]:
    """Of the people, how many have the sentence in a caption that tells their hair, shirt and
    doing truly."""
    voice = {"en": english.person, "ko": korean.person}[language]
    return sum(voice(who) in caption for who in photo.people), len(photo.people)


def _listed(found: Facts) -> dict[str, object]:
    """Scene and kinds by name; what is not told is left out."""
    listed: dict[str, object] = {**found.counts}
    for name in ("place", "weather", "time"):
        if (value := getattr(found, name)) is not None:
            listed[name] = value
    return listed
