"""The corpus: what it says is true, and what the test asks the training never saw."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import jsonschema
import pytest
import yaml

from model_repo.island.chat import curriculum
from model_repo.island.chat.lessons import (
    calendar,
    expressions,
    memories,
    notices,
    pictures,
    recipes,
    talk,
    tools,
)
from model_repo.island.chat.pen import Pen, Said, Sample, Word, mine
from model_repo.island.world.captions import counts
from model_repo.island.world.dice import Dice
from model_repo.island.world.reading import read

PHRASES = Path(curriculum.__file__).parent / "phrases"
LESSONS = (*curriculum.BASE, *curriculum.ADAPTERS.values())


def some(lesson: curriculum.Lesson, count: int = 30, side: str = "test") -> list[Sample]:
    return [curriculum.sample(lesson, number, side) for number in range(count)]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__)
def test_a_conversation_ends_with_a_reply_that_is_accepted(lesson):
    for side in ("train", "validation", "test"):
        for sample in some(lesson, 12, side):
            last = sample.messages[-1]
            assert last["role"] == "assistant"
            said = last["content"] or tools.spell(*_called(last)[0])
            assert said in sample.accepted
            assert all(text == text.strip() for text in sample.accepted)


@pytest.mark.parametrize("file", sorted(PHRASES.glob("*.yaml")), ids=lambda file: file.stem)
def test_no_phrasing_is_held_out_that_is_learned(file):
    def look(value) -> int:
        if isinstance(value, list):
            return sum(map(look, value))
        if not isinstance(value, dict):
            return 0
        if "train" not in value:
            return sum(map(look, value.values()))
        assert not set(value["train"]) & set(value.get("held", ()))
        return len(value.get("held", ()))

    assert look(yaml.safe_load(file.read_text())) >= 4


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__)
def test_the_same_number_is_the_same_conversation(lesson):
    assert some(lesson, 4) == some(lesson, 4)
    assert some(lesson, 4) != some(lesson, 4, "validation")


def test_languages_alternate():
    assert [sample.language for sample in some(notices.notice, 4)] == ["en", "ko", "en", "ko"]


@pytest.mark.parametrize(
    "lesson", [calendar.call, notices.notice, memories.memory], ids=lambda lesson: lesson.__name__
)
def test_what_the_test_asks_was_never_learned(lesson):
    def asked(side: str, count: int) -> set[str]:
        samples = some(lesson, count, side)
        return {m["content"] for s in samples for m in s.messages if m["role"] == "user"}

    assert not asked("test", 200) & asked("train", 1000)


def test_a_name_belongs_to_one_side():
    pens = {side: Pen(Dice(1), side, "en") for side in ("train", "validation", "test")}
    names = {side: {pen.name() for _ in range(300)} for side, pen in pens.items()}
    for side, drawn in names.items():
        assert all(mine(name, side) for name in drawn)
        assert not any(drawn & other for key, other in names.items() if key != side)
    assert len(names["train"]) > 250


def test_what_leads_to_a_question_is_the_trainings_alone():
    said = Said("What is it?")
    pens = {side: Pen(Dice(1), side, "en") for side in ("train", "validation", "test")}
    asked = {side: {pen.asks({"en": said}) for _ in range(200)} for side, pen in pens.items()}
    assert len(asked["train"]) > 3 and all(each.endswith("What is it?") for each in asked["train"])
    assert asked["validation"] == asked["test"] == {"What is it?"}


def test_phrasings_held_out_are_the_tests_alone():
    said = Said("a {name}", held=("b {name}",))
    assert Pen(Dice(1), "train", "en").say(said, name="Mina") == "a Mina"
    assert Pen(Dice(1), "validation", "en").say(said, name="Mina") == "a Mina"
    assert Pen(Dice(1), "test", "en").say(said, name="Mina") == "b Mina"
    assert Pen(Dice(1), "test", "en").say(Said("c")) == "c"


@pytest.mark.parametrize(
    ("word", "form", "expected"),
    [
        ("apple", "a", "an apple"),
        ("배", "이", "배가"),
        ("수박", "이", "수박이"),
        ("배", "이라고", "배라고"),
        ("수박", "이라고", "수박이라고"),
        ("3시", "으로", "3시로"),
        ("3일", "으로", "3일로"),
        ("30분", "으로", "30분으로"),
        ("배", "이에요", "배예요"),
        ("수박", "이에요", "수박이에요"),
    ],
)
def test_words_take_articles_and_particles(word, form, expected):
    assert format(Word(word), form) == expected


def test_calls_keep_to_the_tools_that_are_offered():
    seen = set()
    for sample in chain(some(calendar.call, 200), some(calendar.reply, 100, "train")):
        offered = {tool["function"]["name"]: tool["function"] for tool in sample.tools}
        calls = [call for message in sample.messages for call in _called(message)]
        assert calls
        for name, arguments in calls:
            jsonschema.validate(arguments, offered[name]["parameters"])
            # vLLM's grammar has the fields in the schema's order.
            order = list(offered[name]["parameters"]["properties"])
            assert list(arguments) == sorted(arguments, key=order.index)
            seen.add(name)
    assert seen == {tool["function"]["name"] for tool in tools.TOOLS}


def test_dates_and_hours_are_noted_as_said():
    def call(sample: Sample) -> dict[str, str]:
        return _called(sample.messages[-1])[0][1]

    checked = 0
    for sample in some(calendar.call, 300, "train"):
        wish, arguments = sample.messages[-2]["content"], call(sample)
        month, _, day = arguments.get("date", "").partition("-")
        if day and sample.language == "ko":
            assert f"{int(month)}월 {int(day)}일" in wish
            checked += 1
        if "time" in arguments and sample.language == "ko":
            hour, minute = map(int, arguments["time"].split(":"))
            spoken = f"{'오후' if hour >= 12 else '오전'} {(hour - 1) % 12 + 1}시"
            assert spoken + (" 30분" if minute else "") in wish
            checked += 1
    assert checked > 60


def test_recipes_fit_their_schema_and_are_new():
    for sample in some(recipes.recipe, 100):
        asked = json.loads(sample.messages[0]["content"])
        done = json.loads(sample.messages[1]["content"])
        jsonschema.validate(done, recipes.SCHEMA)
        assert done["recipe_ingredients"] == asked["ingredients"]
        assert done["recipe_name"] not in asked["except_recipe"]


def test_expressions_fit_their_schema_and_differ():
    faces = [json.loads(s.messages[-1]["content"]) for s in some(expressions.expression, 300)]
    for face in faces:
        jsonschema.validate(face, expressions.SCHEMA)
    assert len({tuple(face.values()) for face in faces}) == 3 * len(expressions.FEELINGS)


def test_what_was_not_drawn_is_told_truly():
    for number in range(20):
        pen = Pen(Dice(3, number), "test", "en")
        photo = pictures.untaken(pen)
        noted = pictures.notes(photo, pen)
        for name, count in counts(photo).items():
            assert f"{name} {count}" in noted
        assert noted.startswith(f"{photo.place}, {photo.weather} {photo.time}")
        assert noted.count("person") == len(photo.people)


def test_memos_say_what_the_caption_says():
    for sample in some(pictures.memo, 40):
        asked, memo = (message["content"] for message in sample.messages)
        told, kept = read(asked, sample.language), read(memo, sample.language)
        assert kept.counts == told.counts
        assert (kept.place, kept.weather) == (told.place, told.weather)


def test_captions_accept_every_phrasing():
    sizes = {len(sample.accepted) for sample in some(pictures.caption, 20)}
    assert max(sizes) == 9


def test_answers_stand_in_the_text():
    for sample in some(notices.notice, 60, "train"):
        text = sample.messages[0]["content"]
        answer = sample.messages[-1]["content"]
        bare = answer.removesuffix("입니다.").rstrip(".").lower()
        words = set(bare.split()) - {"it", "is", "was", "lost", "works", "likes", "a", "an"}
        assert all(word in text.lower() for word in words), (text, answer)


def test_memories_stand_in_the_dialogue():
    for sample in some(memories.memory, 60):
        dialogue, kept = (message["content"] for message in sample.messages)
        lines = kept.split("\n")
        if lines in (["[none]"], ["[없음]"]):
            continue
        last = [line.strip("[]").split(" ")[-1] for line in lines]
        places = [dialogue.index(word) for word in last]
        assert len(lines) <= 3
        assert all(place >= 0 for place in places)


def test_personas_manner_is_another_than_the_bases():
    for topic in (talk.NAME, *talk.FACTS, *talk.SMALL):
        for language in ("en", "ko"):
            assert topic["manner"][language] != topic["answer"][language]


def _called(message) -> list[tuple[str, dict[str, str]]]:
    calls = [call["function"] for call in message.get("tool_calls", ())]
    return [(call["name"], call["arguments"]) for call in calls]
