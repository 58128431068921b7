"""What is said of a photograph in English: its scene, things and people, and answers."""

from collections.abc import Sequence
from typing import Final

from model_repo.island.world.scene import Person, Photograph
from model_repo.island.world.things import BY_NAME

NUMERALS: Final = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
)  # fmt: skip
PLACES: Final = {
    "beach": "on the beach",
    "harbour": "at the harbour",
    "garden": "in the garden",
    "street": "on the street",
    "forest": "in the forest",
    "kitchen": "in the kitchen",
}
_DOING: Final = {
    "standing": "is standing",
    "waving": "is waving",
    "cheering": "is raising both arms",
}


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def counted(name: str, count: int, article: bool = True) -> str:
    """ "a cat", "two cats"; "one cat" where `article` is false."""
    if count == 1:
        return with_article(name) if article else f"one {name}"
    return f"{NUMERALS[count]} {BY_NAME[name].plural}"


def joined(phrases: Sequence[str]) -> str:
    """ "a cat, two dogs and a bus"."""
    if len(phrases) == 1:
        return phrases[0]
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def scene(photo: Photograph) -> Sequence[str]:
    """The place, weather and hour, in each phrasing."""
    where, when = PLACES[photo.place], with_article(f"{photo.weather} {photo.time}")
    return (
        f"It is {when} {where}.",
        f"{when.capitalize()} {where}.",
        f"This photograph was taken {where} on {when}.",
    )


def things(found: dict[str, int]) -> Sequence[str]:
    """What is there, in each phrasing; at least one thing must be."""
    listed = joined([counted(name, count) for name, count in found.items()])
    verb = "is" if next(iter(found.values())) == 1 else "are"
    return f"There {verb} {listed}.", f"I can see {listed}.", f"The picture shows {listed}."


def person(who: Person) -> str:
    shirt = with_article(who.shirt)
    return f"A person with {who.who.hair} hair in {shirt} shirt {_doing(who)}."


def presence(name: str, count: int) -> tuple[Sequence[str], str]:
    one, many = with_article(name), BY_NAME[name].plural
    questions = (f"Is there {one} in the picture?", f"Can you see {one}?", f"Are there any {many}?")
    if not count:
        return questions, f"No, there is no {name}."
    return questions, f"Yes, there is {one}." if count == 1 else f"Yes, there are {many}."


def count(name: str, number: int) -> tuple[Sequence[str], str]:
    many, verb = BY_NAME[name].plural, "is" if number == 1 else "are"
    questions = (
        f"How many {many} are there?",
        f"How many {many} can you see?",
        f"Count the {many}.",
    )
    return questions, f"There {verb} {counted(name, number, article=False)}."


def people(number: int) -> tuple[Sequence[str], str]:
    questions = ("How many people are there?", "How many people can you see?", "Count the people.")
    if number == 1:
        return questions, "There is one person."
    return questions, f"There are {NUMERALS[number]} people."


def place(name: str) -> tuple[Sequence[str], str]:
    questions = ("Where is this?", "Where was the photograph taken?", "What place is this?")
    return questions, f"It is {PLACES[name]}."


def weather(name: str) -> tuple[Sequence[str], str]:
    return ("What is the weather like?", "How is the weather?"), f"It is {name}."


def time(name: str) -> tuple[Sequence[str], str]:
    questions = ("What time of day is it?", "Is it morning, noon, evening or night?")
    return questions, f"It is {name}."


def action(who: Person) -> tuple[Sequence[str], str]:
    whom = f"the person in the {who.shirt} shirt"
    questions = (f"What is {whom} doing?", f"Tell me what {whom} is doing.")
    return questions, f"{whom.capitalize()} {_doing(who)}."


def hair(who: Person) -> tuple[Sequence[str], str]:
    whom = f"the person in the {who.shirt} shirt"
    questions = (f"What colour is the hair of {whom}?", f"What hair colour does {whom} have?")
    return questions, f"{whom.capitalize()} has {who.who.hair} hair."


def _doing(who: Person) -> str:
    return f"is holding {with_article(who.holds)}" if who.holds else _DOING[who.action]
