"""How a conversation of the corpus is written: drawn phrases, names and particles.

The three sides never share a name or a pair of words that makes a title, and the test's phrasings
are those that are marked as held out.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from model_repo.island.world.captions import Language
from model_repo.island.world.dice import Dice
from model_repo.island.world.english import with_article
from model_repo.island.world.korean import with_particle

Side = Literal["train", "validation", "test"]
Turn = Mapping[str, Any]
_T = TypeVar("_T")

LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")
KEYS: Final[Mapping[Side, int]] = {"train": 1, "validation": 2, "test": 3}  # of a side's dice

_ONSETS: Final = (*"bdfghjklmnprstvwyz", "sh", "ch", "br")
_VOWELS: Final = tuple("aeiou")
_CODAS: Final = ("", "", "", "n", "m", "l", "r", "s")
_KNOWN: Final = (  # as the island's people are called
    ("Mi", "Ha", "So", "Ji", "Yu", "Do", "Na", "Seo", "Bo", "Ro", "Hae", "Ga"),
    ("na", "ru", "jin", "ri", "won", "mi", "bin", "ra", "an", "ho", "seul", "on"),
)
_SYLLABLES: Final = tuple(
    "가나다라마바사아자하민준서지윤은현수진영호우연채예린유태건재성도혁빈솔별슬봄래루보미로해온정원희규"
)
_RIEUL: Final = 8  # among the finals of a syllable in Unicode's order
# What changes nothing of what is asked behind it.
_LEADS: Final[dict[Language, tuple[str, ...]]] = {
    "en": ("Excuse me. ", "Hey! ", "One more thing. ", "Listen. ", "Oh! ", "Another thing: "),
    "ko": ("저기요. ", "참! ", "하나 더요. ", "있잖아요. ", "아! "),
}
# Whose a name or a title is, by its checksum; all others are the training's.
_KEPT: Final[dict[int, Side]] = {0: "test", 1: "validation"}
_PARTS: Final = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation that ends with the model's turn.

    messages, tools: as chat templates take them
    accepted: the last replies that are right, of which the conversation shows one
    """

    task: str
    language: Language
    messages: tuple[Turn, ...]
    accepted: frozenset[str]
    tools: tuple[Mapping[str, Any], ...] = ()


class Said:
    """Phrasings of one thing; those held out are for the test alone."""

    __slots__ = ("held", "train")

    def __init__(self, *train: str, held: Sequence[str] = ()) -> None:
        self.train = train
        self.held = tuple(held) or train


class Word(str):
    """Text for a phrase's slot. `{word:a}` puts an article before it; `{word:은}`, `이`, `을`,
    `과`, `으로` and forms of `이다` (`이라고`, `이에요`) put behind it what its last syllable asks
    for, and `에` what a day does: today and tomorrow stand alone."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        if not form:
            return str(self)
        if form == "a":
            return with_article(str(self))
        if form == "에":
            return str(self) + ("" if self.endswith(("오늘", "내일")) else form)
        if len(form) == 1:
            return with_particle(str(self), form)
        final = (ord(self[-1]) - 0xAC00) % 28
        if form == "이에요" and final == 0:
            return str(self) + "예요"
        dropped = final == 0 or (form == "으로" and final == _RIEUL)
        return str(self) + (form[1:] if dropped else form)


class Pen:
    """Draws what a conversation says; the same key, the same conversation."""

    def __init__(self, dice: Dice, side: Side, language: Language) -> None:
        self.dice = dice
        self.side: Side = side
        self.language: Language = language

    @property
    def korean(self) -> bool:
        return self.language == "ko"

    def pick(self, choices: Sequence[_T]) -> _T:
        return self.dice.pick(choices)

    def chance(self, probability: float) -> bool:
        return self.dice.chance(probability)

    def say(self, said: Mapping[Language, Said] | Said, /, **slots: Any) -> str:
        """A phrasing of this side, its slots filled."""
        found = said if isinstance(said, Said) else said[self.language]
        return fill(self.pick(found.held if self.side == "test" else found.train), **slots)

    def asks(self, said: Mapping[Language, Said] | Said, /, **slots: Any) -> str:
        """The same, of what is asked: in training sometimes behind a word or two."""
        asked = self.say(said, **slots)
        led = self.side == "train" and self.chance(0.2)
        return self.pick(_LEADS[self.language]) + asked if led else asked

    def name(self, *others: str, latin: bool = False) -> Word:
        """A person's or an animal's name, none of `others`; Korean in Korean, unless `latin`."""
        while True:
            name = self._english_name() if latin or not self.korean else self._korean_name()
            if mine(name, self.side) and name not in others:
                return Word(name)

    def pair(self, first: Sequence[str], second: Sequence[str]) -> Word:
        """Two words together that the other side does not use together."""
        while True:
            pair = f"{self.pick(first)} {self.pick(second)}"
            if mine(pair, self.side):
                return Word(pair)

    def _english_name(self) -> str:
        if self.chance(0.25):
            return self.pick(_KNOWN[0]) + self.pick(_KNOWN[1])
        parts = [
            self.pick(_ONSETS) + self.pick(_VOWELS) + self.pick(_CODAS)
            for _ in range(self.dice.weighted((1, 2, 3), (2, 6, 2)))
        ]
        return "".join(parts).capitalize()

    def _korean_name(self) -> str:
        name = self.pick(_SYLLABLES) + self.pick(_SYLLABLES)
        return self.pick("김이박최정강조윤장임") + name if self.chance(0.2) else name


def fill(phrase: str, /, **slots: Any) -> str:
    return phrase.format(**{name: Word(value) for name, value in slots.items()})


def mine(text: str, side: Side) -> bool:
    """Whether a name or a title belongs to this side."""
    return _KEPT.get(zlib.crc32(text.encode()) % _PARTS, "train") == side


def turn(role: str, content: str) -> Turn:
    return {"role": role, "content": content}


def answered(task: str, pen: Pen, question: str, *answers: str) -> Sample:
    """One question and the answers that are right, of which the first is shown."""
    messages = (turn("user", question), turn("assistant", answers[0]))
    return Sample(task, pen.language, messages, frozenset(answers))
