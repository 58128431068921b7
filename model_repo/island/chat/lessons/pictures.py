"""What stands in a caption: questions about it, captions written from notes, and memos for the
family's album in its house style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from model_repo.island.chat import phrasings, words
from model_repo.island.chat.pen import Pen, Sample, Turn, answered, turn
from model_repo.island.world import english, korean
from model_repo.island.world.captions import ask, counts, describe
from model_repo.island.world.faces import FaceTruth
from model_repo.island.world.plans import plan
from model_repo.island.world.scene import Person, Photograph, Thing
from model_repo.island.world.splits import SPLITS

_PHRASES: Final = phrasings.read("pictures")
NOBODY: Final = {"en": "none", "ko": "없음"}
_NOWHERE: Final = (0.0, 0.0, 0.0, 0.0)


def question(pen: Pen) -> Sample:
    """Up to five questions of the world's that a caption answers."""
    photo = untaken(pen)
    asked = ask(photo, pen.language, pen.dice.whole(0, 99))[: pen.dice.whole(1, 5)]
    caption = describe(photo, pen.language, pen.dice.whole(0, 99))
    messages: list[Turn] = []
    for each in asked:
        said = (
            each.question
            if messages
            else pen.say(_PHRASES["shown"], caption=caption, question=each.question)
        )
        messages += [turn("user", said), turn("assistant", each.answer)]
    right = frozenset((asked[-1].answer,))
    return Sample("picture questions", pen.language, tuple(messages), right)


def caption(pen: Pen) -> Sample:
    """Notes written out as one of the world's captions."""
    photo = untaken(pen)
    # Forty draws are sure to hold all nine phrasings; the training needs but one.
    variants = range(40 if pen.side == "test" else 1)
    said = [describe(photo, pen.language, variant) for variant in variants]
    return answered("captions", pen, pen.say(_PHRASES["describe"], notes=notes(photo, pen)), *said)


def memo(pen: Pen) -> Sample:
    """Date, people and caption in; a memo in the album's style out."""
    photo, date = untaken(pen), words.date(pen)
    latin = pen.chance(0.3)  # as galleries may have them, whatever is spoken
    names = [pen.name(latin=latin) for _ in range(pen.dice.whole(0, 3))]
    asked = pen.say(
        _PHRASES["memo"],
        date=date.bare,
        people=", ".join(names) or NOBODY[pen.language],
        caption=describe(photo, pen.language, pen.dice.whole(0, 99)),
    )
    return answered("memos", pen, asked, remembered(photo, date, names, pen))


def remembered(photo: Photograph, date: words.Day, names: Sequence[str], pen: Pen) -> str:
    """The memo of a photograph, the day it was taken and who is on it."""
    seen, sky = counts(photo), photo.weather
    if pen.korean:
        when = f"{korean.WEATHERS[sky]} {korean.TIMES[photo.time]}"
        said = f"{date.bare} {korean.PLACES[photo.place]}, {when}."
        said += f" {', '.join(names)} 함께." if names else ""
        things = korean.joined([korean.counted(n, c) for n, c in seen.items()]) if seen else ""
        said += f" {korean.with_particle(things, '을')} 보았다." if seen else ""
    else:
        said = f"{date.bare}, {english.PLACES[photo.place]}, a {sky} {photo.time}."
        said += f" With {english.joined(names)}." if names else ""
        things = english.joined([english.counted(n, c) for n, c in seen.items()]) if seen else ""
        said += f" We saw {things}." if seen else ""
    return said


def notes(photo: Photograph, pen: Pen) -> str:
    """The facts of a photograph in keywords."""
    people = len(photo.people)
    if pen.korean:
        things = [f"{words.KOREAN[name]} {count}" for name, count in counts(photo).items()]
        when = f"{korean.WEATHERS[photo.weather]} {korean.TIMES[photo.time]}"
        told = [korean.PLACES[photo.place], when, *things]
        who = [_person(person, pen) for person in photo.people]
        return ", ".join([*told, *who])
    things = [f"{name} {count}" for name, count in counts(photo).items()]
    told = [photo.place, f"{photo.weather} {photo.time}", *things]
    return ", ".join([*told, *(_person(photo.people[i], pen) for i in range(people))])


def _person(person: Person, pen: Pen) -> str:
    if pen.korean:
        holds = person.holds and words.KOREAN[person.holds]
        doing = {"standing": "서다", "waving": "손", "cheering": "두 팔"}.get(person.action, "")
        hair, shirt = korean.COLOURS[person.who.hair], korean.COLOURS[person.shirt]
        return f"사람 {hair} 머리 {shirt} 옷 {holds or doing}"
    return f"person {person.who.hair} hair {person.shirt} shirt {person.holds or person.action}"


def untaken(pen: Pen) -> Photograph:
    """A photograph of which only the facts are wanted: planned, never drawn."""
    split = SPLITS[pen.side]
    scene = plan(pen.dice.whole(split.seeds.start, split.seeds.stop - 1))
    face = FaceTruth(_NOWHERE, ((0.0, 0.0),) * 5)
    return Photograph(
        scene.seed,
        np.zeros((0, 0, 3), np.uint8),
        scene.place.name,
        scene.weather,
        scene.time,
        tuple(
            Thing(t.kind.name, _NOWHERE) for t in sorted(scene.things, key=lambda each: each.depth)
        ),
        tuple(
            Person(p.who, p.how, p.action, p.holds, p.shirt, _NOWHERE, face)
            for p in sorted(scene.people, key=lambda each: each.depth)
        ),
    )
