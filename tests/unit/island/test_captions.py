"""What is said about a photograph is true of it, in both languages."""

import re
from functools import cache

import pytest

from model_repo.island.world.captions import Language, ask, counts, describe, truth
from model_repo.island.world.korean import joined, with_particle
from model_repo.island.world.reading import read
from model_repo.island.world.scene import Photograph, photograph
from model_repo.island.world.things import BY_NAME, KINDS

SEEDS = range(200, 220)
BOTH: tuple[Language, ...] = ("en", "ko")


@cache
def small(seed: int) -> Photograph:
    return photograph(seed, width=160)


@pytest.mark.parametrize("language", BOTH)
def test_a_caption_reads_back_as_the_truth(language: Language) -> None:
    for seed in SEEDS:
        photo = small(seed)
        for variant in range(3):
            text = describe(photo, language, variant)
            facts = read(text, language)
            assert facts.counts == counts(photo), text
            assert (facts.place, facts.weather, facts.time) == (
                photo.place,
                photo.weather,
                photo.time,
            ), text


@pytest.mark.parametrize("language", BOTH)
def test_answers_are_true(language: Language) -> None:
    for seed in SEEDS:
        photo = small(seed)
        for item in ask(photo, language):
            assert item.value == truth(photo, item.topic, item.subject)
            if item.topic == "presence":
                said = item.answer.startswith(("Yes", "네"))
                assert said == (item.subject in counts(photo)), item
            elif item.topic == "count":
                assert read(item.answer, language).counts == {item.subject: item.value}, item
            elif item.topic in ("place", "weather", "time") and language == "en":
                assert getattr(read(item.answer), item.topic) == item.value, item


def test_presence_is_asked_as_often_of_what_is_there_as_of_what_is_not() -> None:
    values = [
        item.value
        for seed in SEEDS
        if small(seed).things
        for item in ask(small(seed))
        if item.topic == "presence"
    ]
    assert sum(map(bool, values)) * 2 == len(values)


def test_every_person_is_told_of_with_shirt_and_deed() -> None:
    for seed in SEEDS:
        photo = small(seed)
        said = re.findall(r"in an? (\w+) shirt is", describe(photo))
        assert said == [person.shirt for person in photo.people]


def test_the_same_variant_says_the_same_and_others_say_it_otherwise() -> None:
    photo = small(SEEDS.start)
    assert describe(photo, "en", 1) == describe(photo, "en", 1)
    assert len({describe(photo, "en", variant) for variant in range(20)}) > 3
    assert ask(photo, "ko", 4) == ask(photo, "ko", 4)


@pytest.mark.parametrize(
    ("word", "particle", "whole"),
    [
        ("사과", "이", "사과가"),
        ("당근", "이", "당근이"),
        ("버스", "을", "버스를"),
        ("책장", "을", "책장을"),
        ("고양이", "은", "고양이는"),
        ("수박", "은", "수박은"),
        ("두 척", "과", "두 척과"),
        ("한 대", "과", "한 대와"),
    ],
)
def test_particles_follow_the_last_sound(word: str, particle: str, whole: str) -> None:
    assert with_particle(word, particle) == whole


def test_korean_lists_and_counters() -> None:
    assert (
        joined(["사과 한 개", "배 두 척", "오리 세 마리"]) == "사과 한 개, 배 두 척과 오리 세 마리"
    )
    counters = {kind.name: kind.counter for kind in KINDS}
    assert counters["boat"] == "척"
    assert {counters[k.name] for k in KINDS if k.group == "animal"} == {"마리"}


def test_a_wrong_counter_is_no_count() -> None:
    assert read("고양이 두 마리가 있습니다.", "ko").counts == {"cat": 2}
    assert read("고양이 두 대가 있습니다.", "ko").counts == {}


def test_a_text_that_contradicts_itself_names_no_place() -> None:
    assert read("A clear noon on the beach in the forest.").place is None


def test_names_are_unique_in_both_languages() -> None:
    assert len(BY_NAME) == len({kind.korean for kind in KINDS}) == 20
