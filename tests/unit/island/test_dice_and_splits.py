"""Chance is the same everywhere, and nobody is in two splits."""

from collections import Counter

import pytest

from model_repo.island.world.dice import Dice
from model_repo.island.world.people import Identity
from model_repo.island.world.plans import plan
from model_repo.island.world.splits import SPLITS, split_of


def test_a_key_gives_these_numbers_on_every_machine() -> None:
    dice = Dice(4, 7)
    assert [dice.whole(0, 999) for _ in range(5)] == [972, 347, 204, 98, 7]


def test_a_pick_is_even() -> None:
    dice = Dice(1)
    seen = Counter(dice.pick("abcd") for _ in range(4000))
    assert set(seen) == set("abcd")
    assert all(880 < count < 1120 for count in seen.values())


def test_weights_weigh() -> None:
    dice = Dice(2)
    seen = Counter(dice.weighted("ab", (3, 1)) for _ in range(4000))
    assert 2850 < seen["a"] < 3150


def test_splits_share_no_seed_and_nobody() -> None:
    splits = list(SPLITS.values())
    for i, one in enumerate(splits):
        for other in splits[i + 1 :]:
            assert one.seeds.stop <= other.seeds.start
            assert one.people.stop <= other.people.start


def test_a_photograph_shows_only_people_of_its_split() -> None:
    for name, split in SPLITS.items():
        assert split_of(split.seeds.start).name == name
        for seed in range(split.seeds.start, split.seeds.start + 40):
            assert all(person.who.number in split.people for person in plan(seed).people)


def test_no_person_of_the_test_split_is_the_twin_of_one_in_training() -> None:
    def looks(number: int) -> tuple[object, ...]:
        who = Identity.of(number)
        return who.skin, who.hair, who.fringe, who.back, who.width, who.eye_gap

    known = {looks(number) for number in SPLITS["train"].people}
    assert not known & {looks(number) for number in SPLITS["test"].people}


def test_a_seed_outside_every_split_is_refused() -> None:
    with pytest.raises(ValueError, match="seed must be within"):
        split_of(12_000_000)


def test_scenes_are_spread_evenly() -> None:
    plans = [plan(seed) for seed in range(600)]
    for factor, low in (("place", 70), ("weather", 110), ("time", 110)):
        seen = Counter(str(getattr(p, factor)) for p in plans)
        assert min(seen.values()) > low, seen


def test_every_kind_is_found_in_every_place() -> None:
    """So that a place gives no kind away."""
    seen: dict[str, set[str]] = {}
    for seed in range(1200):
        scene = plan(seed)
        seen.setdefault(scene.place.name, set()).update(t.kind.name for t in scene.things)
    assert {len(kinds) for kinds in seen.values()} == {20}
