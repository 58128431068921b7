"""True words about a photograph: captions, and questions with their answers.

In English ("en") and Korean ("ko"); the photograph's seed and a variant's number choose among
the phrasings.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from model_repo.island.world import english, korean
from model_repo.island.world.dice import Dice
from model_repo.island.world.scene import Person, Photograph
from model_repo.island.world.things import KINDS, NAMES

Language = Literal["en", "ko"]
Topic = Literal["presence", "count", "people", "place", "weather", "time", "action", "hair"]


class _Voice(Protocol):
    """A language's module: phrasings of statements, and of questions with their answer."""

    def scene(self, photo: Photograph, /) -> Sequence[str]: ...
    def things(self, found: dict[str, int], /) -> Sequence[str]: ...
    def person(self, who: Person, /) -> str: ...
    def presence(self, name: str, number: int, /) -> tuple[Sequence[str], str]: ...
    def count(self, name: str, number: int, /) -> tuple[Sequence[str], str]: ...
    def people(self, number: int, /) -> tuple[Sequence[str], str]: ...
    def place(self, name: str, /) -> tuple[Sequence[str], str]: ...
    def weather(self, name: str, /) -> tuple[Sequence[str], str]: ...
    def time(self, name: str, /) -> tuple[Sequence[str], str]: ...
    def action(self, who: Person, /) -> tuple[Sequence[str], str]: ...
    def hair(self, who: Person, /) -> tuple[Sequence[str], str]: ...


_VOICES: Final[dict[str, _Voice]] = {"en": english, "ko": korean}


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and its true answer.

    `subject` is the kind a question of presence or count is about, the colour of the shirt of
    the person a question of action or hair is about, else "". `value` is the truth behind the
    answer: whether, how many, or which (of an action: what is held, or the action's name).
    """

    topic: Topic
    subject: str
    question: str
    answer: str
    value: bool | int | str


def counts(photo: Photograph) -> dict[str, int]:
    """How many of each kind the photograph shows, in the order of `KINDS`; none is left out."""
    seen = Counter(thing.name for thing in photo.things)
    return {name: seen[name] for name in NAMES if seen[name]}


def describe(photo: Photograph, language: Language = "en", variant: int = 0) -> str:
    """A caption: a sentence on the scene, one on its things, one for each person."""
    dice, voice, found = Dice(11, photo.seed, variant), _VOICES[language], counts(photo)
    sentences = [dice.pick(voice.scene(photo))]
    if found:
        sentences.append(dice.pick(voice.things(found)))
    return " ".join([*sentences, *(voice.person(person) for person in photo.people)])


def ask(photo: Photograph, language: Language = "en", variant: int = 0) -> list[Answered]:
    """Questions of every topic that the photograph can answer, in a random order.

    Presence is asked twice, once of a kind that is there (where any is) and once of one that
    is not, so that neither answer is the better guess.
    """
    dice = Dice(12, photo.seed, variant)
    there = list(counts(photo))
    absent = dice.pick([kind.name for kind in KINDS if kind.name not in there])
    topics: list[tuple[Topic, str]] = [("presence", absent), ("people", ""), ("place", "")]
    topics += [("weather", ""), ("time", "")]
    if there:
        topics += [("presence", dice.pick(there)), ("count", dice.pick(there))]
    if photo.people:
        topics.append(("action", dice.pick(photo.people).shirt))
        topics.append(("hair", dice.pick(photo.people).shirt))
    asked = []
    for topic, subject in dice.sample(topics, len(topics)):
        value = truth(photo, topic, subject)
        questions, answer = _words(photo, language, topic, subject)
        asked.append(Answered(topic, subject, dice.pick(questions), answer, value))
    return asked


def truth(photo: Photograph, topic: Topic, subject: str) -> bool | int | str:
    """What is true of the photograph; see `Answered.value`."""
    if topic in ("presence", "count"):
        number = counts(photo).get(subject, 0)
        return number > 0 if topic == "presence" else number
    if topic == "people":
        return len(photo.people)
    if topic in ("place", "weather", "time"):
        return str(getattr(photo, topic))
    person = next(person for person in photo.people if person.shirt == subject)
    return person.who.hair if topic == "hair" else person.holds or person.action


def _words(
    photo: Photograph, language: Language, topic: Topic, subject: str
) -> tuple[Sequence[str], str]:
    """The questions' phrasings, and the answer."""
    voice = _VOICES[language]
    if topic in ("presence", "count"):
        number = counts(photo).get(subject, 0)
        return (
            voice.presence(subject, number) if topic == "presence" else voice.count(subject, number)
        )
    if topic == "people":
        return voice.people(len(photo.people))
    if topic == "place":
        return voice.place(photo.place)
    if topic == "weather":
        return voice.weather(photo.weather)
    if topic == "time":
        return voice.time(photo.time)
    person = next(person for person in photo.people if person.shirt == subject)
    return voice.action(person) if topic == "action" else voice.hair(person)
