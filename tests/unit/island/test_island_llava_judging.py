"""Replies about photographs, judged: true ones are right, each kind of mistake is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_repo.island.llava import evaluation, judging
from model_repo.island.llava.judging import Presence
from model_repo.island.world import describe, photograph
from model_repo.island.world.captions import counts
from model_repo.island.world.things import BY_NAME


@pytest.fixture(scope="module")
def photos():
    first = 11_000_000
    return [photograph(seed) for seed in range(first, first + 8)]


@pytest.fixture(scope="module")
def asked(photos):
    return [each for photo in photos for each in evaluation.questions(photo)]


def values(figures):
    return {figure.name: figure.value for figure in figures}


def test_f1_is_that_of_yes():
    answers = [Presence(*pair) for pair in ((True, True), (True, False), (False, True))]
    assert judging.f1([*answers, Presence(True, True)]) == pytest.approx(2 / 3)
    assert judging.f1([Presence(False, False)]) == 0
    assert judging.affirmed("Yes, there is a cat.", "en")
    assert not judging.affirmed("No, there is no cat.", "en")
    assert judging.affirmed("네, 고양이가 있습니다.", "ko")
    assert not judging.affirmed("아니요, 고양이가 없습니다.", "ko")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_true_caption_has_all_facts(photos, language):
    for photo in photos:
        for variant in range(9):
            right, all_ = judging.told(describe(photo, language, variant), language, photo)
            assert right == all_ == 3 + len(counts(photo))
            caption = describe(photo, language, variant)
            assert judging.people_told(caption, language, photo) == (len(photo.people),) * 2


def test_what_is_left_out_made_up_or_miscounted_is_wrong(photos):
    photo = replace(photos[0], place="beach", weather="clear", time="noon", things=())
    assert judging.told("A clear noon on the beach.", "en", photo) == (3, 3)
    assert judging.told("A clear noon.", "en", photo) == (2, 3)
    assert judging.told("A clear evening on the beach.", "en", photo) == (2, 3)
    assert judging.told("A clear noon on the beach. There is a cat.", "en", photo) == (3, 4)
    full = next(p for p in photos if p.things)
    listed = len(counts(full))
    bare = describe(replace(full, things=(), people=()), "en")
    assert judging.told(bare, "en", full) == (3, 3 + listed)
    name = next(iter(counts(full)))
    miscounted = f"{bare} There are seven {BY_NAME[name].plural}."
    assert judging.told(miscounted, "en", full) == (3, 3 + listed)


def test_every_kind_is_asked_of_and_as_many_others(photos):
    for photo in photos:
        mine = evaluation.questions(photo)
        presence = [e.answered for e in mine if e.sample.task == "presence"]
        there = {e.subject for e in presence if e.value}
        absent = {e.subject for e in presence if not e.value}
        assert there == set(counts(photo))
        assert not absent & there
        assert len(absent) == max(1, len(there))
        assert len(presence) == len(there) + len(absent)
        counted = [e.answered.subject for e in mine if e.sample.task == "count"]
        assert sorted(counted) == sorted(counts(photo))
        languages = {e.sample.language for e in mine if e.sample.task == "caption"}
        assert languages == {"en", "ko"}


def test_true_replies_are_worth_all(asked):
    said = [sorted(each.sample.accepted)[0] for each in asked]
    figures = evaluation.figures(asked, said)
    assert values(figures) == {figure.name: 1.0 for figure in figures}
    assert all(figure.holds for figure in figures)


@pytest.mark.parametrize(
    ("task", "lost"),
    [
        ("presence", "object presence F1"),
        ("count", "count accuracy"),
        ("caption", "caption facts correct, English"),
        ("caption", "caption facts correct, Korean"),
        ("caption", "people right in captions"),
        ("hair", "answers about hair right"),
        ("memo", "memos right"),
    ],
)
def test_silence_is_worth_nothing(asked, task, lost):
    said = ["" if e.sample.task == task else sorted(e.sample.accepted)[0] for e in asked]
    found = values(evaluation.figures(asked, said))
    assert found[lost] == 0
    others = [v for name, v in found.items() if task not in name and "caption" not in name]
    assert others == [1.0] * len(others)
