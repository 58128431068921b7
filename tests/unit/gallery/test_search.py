"""Search: exact, by people rather than photographs, fresh, bounded, and forgetful."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import NotFound
from serving.gallery.matrix import Matrix
from serving.gallery.store import Store
from serving.gallery.types import Place, Request
from tests.unit.gallery.conftest import photo, searching, vector

NONE = Request()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 12), max_size=60), st.integers(0, 11), st.integers(1, 9), st.data())
def test_the_nearest_people_are_the_nearest(
    owners: list[int], faces: int, people: int, data: st.DataObject
) -> None:
    """Against the plain definition: each person's best row, in order."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    rows = random.normal(size=(len(owners), 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9
    asked = random.normal(size=(faces, 8)).astype(np.float32)
    matrix = Matrix(8)
    cut = data.draw(st.integers(0, len(owners)))
    of, ids = np.array(owners, np.int64), np.arange(1, len(owners) + 1)
    for part in (slice(0, cut), slice(cut, None)):
        matrix.extend(rows[part], of[part], ids[part])
    asked /= 2 * np.linalg.norm(asked, axis=1, keepdims=True) + 1e-9
    found = matrix.nearest(asked, people)
    assert len(found) == faces
    assert matrix.last == len(owners)
    for face, near in zip(asked, found, strict=True):
        best: dict[int, float] = {}
        for row, owner in zip(rows, owners, strict=True):
            best[owner] = max(best.get(owner, -1.0), float(row @ face))
        wanted = sorted(best.values(), reverse=True)[:people]
        assert [each.similarity for each in near] == pytest.approx(wanted, abs=1e-5)
        assert len({each.person for each in near}) == len(near)
        for each in near:
            assert rows[each.row] @ face == pytest.approx(each.similarity, abs=1e-5)
            assert matrix.photograph(each.row) == each.row + 1


def test_an_empty_gallery_has_nobody(store: Store, place: Place) -> None:
    store.enrol(place, "Mina", [photo(1)], NONE)
    store.delete_person(place, "Mina")
    (found,) = searching(store).identify(place, vector(1)[None], 3)
    assert (found.candidates, found.margin) == ((), None)


def test_identities(store: Store, place: Place) -> None:
    mina = store.enrol(place, "Mina", [photo(1), photo(2)], NONE)
    store.enrol(place, "Jun", [photo(3)], NONE)
    found, other = searching(store).identify(place, np.stack([vector(2), vector(3)]), 1)
    assert [each.person for each in found.candidates] == ["Mina"]
    assert found.candidates[0].similarity == pytest.approx(1)
    assert found.candidates[0].photograph == mina.photographs[1].id
    assert found.margin == pytest.approx(1 - vector(2) @ vector(3), abs=1e-5)
    assert other.candidates[0].person == "Jun"


def test_replicas_see_each_others_changes(opened: Callable[..., Store], place: Place) -> None:
    here, there = opened(), opened()
    search = searching(there)

    def who(seed: int) -> list[str]:
        (found,) = search.identify(place, vector(seed)[None], 5)
        return [each.person for each in found.candidates]

    with pytest.raises(NotFound):
        who(1)
    here.enrol(place, "Mina", [photo(1)], NONE)
    assert who(1) == ["Mina"]
    here.enrol(place, "Jun", [photo(2)], NONE)
    assert who(2) == ["Jun", "Mina"]
    here.rename(place, "Jun", "준")
    assert who(2)[0] == "준"
    here.add(place, "Mina", [photo(3)], NONE)
    assert who(3)[0] == "Mina"
    photograph = here.person(place, "Mina").photographs[0].id
    here.delete_photograph(place, "Mina", photograph)
    assert search.identify(place, vector(1)[None], 1)[0].candidates[0].similarity < 0.99
    here.delete_person(place, "준")
    assert who(2) == ["Mina"]
    here.delete_gallery(place)
    with pytest.raises(NotFound):
        who(1)
    here.enrol(place, "Sora", [photo(4)], NONE)
    assert who(1) == ["Sora"]


def test_what_another_replica_erased_leaves_the_memory(
    opened: Callable[..., Store], place: Place
) -> None:
    here, there = opened(), opened()
    search = searching(there)
    other = Place(place.tenant, "lee")
    for each in (place, other):
        here.enrol(each, "Mina", [photo(1)], NONE)
        here.enrol(each, "Jun", [photo(2)], NONE)
        search.identify(each, vector(1)[None], 1)
    search.forget()
    full = search.nbytes
    assert full > 0
    here.delete_person(place, "Mina")
    search.forget()
    assert 0 < search.nbytes < full
    here.delete_gallery(other)
    search.forget()
    assert search.nbytes == 0
    search.forget()


def test_memory_is_bounded(store: Store, place: Place) -> None:
    places = [Place(place.tenant, f"g{number}") for number in range(6)]
    for number, each in enumerate(places):
        store.enrol(each, "Mina", [photo(number)], NONE)
    one = 8 * 4 + 8 + 8
    search = searching(store, most_bytes=2 * one)
    for _ in range(2):
        for number, each in enumerate(places):
            (found,) = search.identify(each, vector(number)[None], 1)
            assert found.candidates[0].similarity == pytest.approx(1)
            assert search.nbytes <= 2 * one


def test_another_models_embeddings_are_not_compared(
    opened: Callable[..., Store], place: Place
) -> None:
    opened(model="faces@2").enrol(place, "Mina", [photo(1)], NONE)
    store = opened(model="faces@1")
    store.enrol(place, "Jun", [photo(2)], NONE)
    (found,) = searching(store).identify(place, vector(1)[None], 5)
    assert [each.person for each in found.candidates] == ["Jun"]
