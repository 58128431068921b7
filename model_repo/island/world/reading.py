"""Reads captions and answers back into facts, so that a model's words can be judged."""

import re
from dataclasses import dataclass
from typing import Final

from model_repo.island.world import english, korean
from model_repo.island.world.captions import Language
from model_repo.island.world.things import BY_NAME, KINDS

_EN_NUMBERS: Final = {"a": 1, "an": 1, **{word: n for n, word in enumerate(english.NUMERALS)}}
_EN_NOUNS: Final = {
    **{kind.name: kind.name for kind in KINDS},
    **{kind.plural: kind.name for kind in KINDS},
}
_EN_COUNT: Final = re.compile(
    rf"\b({'|'.join(_EN_NUMBERS)}) ({'|'.join(sorted(_EN_NOUNS, key=len, reverse=True))})\b"
)
_KO_NOUNS: Final = {kind.korean: kind.name for kind in KINDS}
_KO_NUMBERS: Final = {word: n for n, word in enumerate(korean.NUMERALS)}
_KO_COUNT: Final = re.compile(
    rf"(?<![가-힣])({'|'.join(_KO_NOUNS)}) ({'|'.join(_KO_NUMBERS)}) "
    rf"({'|'.join(sorted({kind.counter for kind in KINDS}))})"
)
_KO_TIME: Final = re.compile(rf"(?<![가-힣])({'|'.join(korean.TIMES.values())})(?=[의에입])")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text says; `place`, `weather` and `time` are None where it says nothing, or says
    more than one thing. A counter that is wrong for its noun does not count."""

    counts: dict[str, int]
    place: str | None
    weather: str | None
    time: str | None


def read(text: str, language: Language = "en") -> Facts:
    """The facts a caption states about things and scene; what somebody holds is one of the
    things already, and is not counted again."""
    if language == "en":
        lower = re.sub(r"is holding an? \w+", "", text.lower())
        found = {_EN_NOUNS[noun]: _EN_NUMBERS[word] for word, noun in _EN_COUNT.findall(lower)}
        return Facts(
            found,
            _only([name for name, words in english.PLACES.items() if words in lower]),
            _only([name for name in korean.WEATHERS if re.search(rf"\b{name}\b", lower)]),
            _only([name for name in korean.TIMES if re.search(rf"\b{name}\b", lower)]),
        )
    found = {
        _KO_NOUNS[noun]: _KO_NUMBERS[word]
        for noun, word, counter in _KO_COUNT.findall(text)
        if BY_NAME[_KO_NOUNS[noun]].counter == counter
    }
    times = {word: name for name, word in korean.TIMES.items()}
    return Facts(
        found,
        _only([name for name, word in korean.PLACES.items() if word in text]),
        _only([name for name, word in korean.WEATHERS.items() if word in text]),
        _only(sorted({times[word] for word in _KO_TIME.findall(text)})),
    )


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None
