"""Galleries on SQLite and PostgreSQL: whole, lasting, each tenant's own, and really erased."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from serving.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    QuotaExceeded,
    ServingError,
    Status,
    Unavailable,
)
from serving.gallery.database import Database, url_of
from serving.gallery.store import Store
from serving.gallery.types import Limits, Person, Place, Quality, Request
from tests.unit.gallery.conftest import photo, searching, vector

ONCE = Request("once", b"digest")
NONE = Request()


def names(store: Store, place: Place) -> list[str]:
    return [each.name for each in store.persons(place, 0, 1000)]


def test_what_was_enrolled_is_there(store: Store, place: Place) -> None:
    quality = Quality(80.5, 123.0, -10.0, 5.0, 1.0)
    first = replace(photo(1, b"jpeg"), quality=quality)
    made = store.enrol(place, "Mina", [first, photo(2)], NONE)
    found = store.person(place, "Mina")
    assert found == made
    assert (found.name, found.count) == ("Mina", 2)
    assert found.photographs[0].quality == quality
    assert [each.kept for each in found.photographs] == [True, False]
    assert {each.model for each in found.photographs} == {"faces@1"}
    ids, rows = store.embeddings(place, "Mina")
    assert ids == [each.id for each in found.photographs]
    assert np.array_equal(rows, np.stack([vector(1), vector(2)]))


def test_a_name_is_enrolled_once(store: Store, place: Place) -> None:
    store.enrol(place, "Mina", [photo(1)], NONE)
    with pytest.raises(AlreadyExists) as caught:
        store.enrol(place, "Mina", [photo(2)], NONE)
    assert (caught.value.kind, caught.value.name) == ("person", "Mina")
    assert store.person(place, "Mina").count == 1
    with pytest.raises(AlreadyExists):
        store.replay(place, "Mina", NONE, new=True)


def test_32_race_for_one_name_and_one_wins(opened: Callable[..., Store], place: Place) -> None:
    """Through four replicas, into a gallery that is not there yet either."""
    stores = [opened() for _ in range(4)]

    def enrol(number: int) -> Person | ServingError:
        try:
            return stores[number % 4].enrol(place, "Mina", [photo(number)], Request(f"r{number}"))
        except ServingError as error:
            return error

    with ThreadPoolExecutor(32) as threads:
        results = list(threads.map(enrol, range(32)))
    won = [each for each in results if isinstance(each, Person)]
    assert len(won) == 1
    lost = [each for each in results if isinstance(each, ServingError)]
    assert {each.status for each in lost} == {Status.ALREADY_EXISTS}
    assert stores[0].person(place, "Mina") == won[0]


def test_16_repetitions_of_one_request_enrol_once(
    opened: Callable[..., Store], place: Place
) -> None:
    stores = [opened() for _ in range(4)]
    with ThreadPoolExecutor(16) as threads:
        results = list(
            threads.map(
                lambda number: stores[number % 4].enrol(place, "Mina", [photo(1)], ONCE), range(16)
            )
        )
    assert len(set(results)) == 1
    assert store_count(stores[0], place) == 1


def store_count(store: Store, place: Place) -> int:
    return sum(1 for _ in store.export(place))


def test_a_request_is_carried_out_once(store: Store, place: Place) -> None:
    assert store.replay(place, "Mina", ONCE, new=True) is None
    made = store.enrol(place, "Mina", [photo(1)], ONCE)
    assert store.enrol(place, "Mina", [photo(1)], ONCE) == made
    assert store.replay(place, "Mina", ONCE, new=True) == made
    with pytest.raises(InvalidArgument) as caught:
        store.enrol(place, "Jun", [photo(1)], Request("once", b"other"))
    assert caught.value.reason == "REQUEST_ID_REUSED"
    added = store.add(place, "Mina", [photo(2)], Request("more", b"d"))
    assert store.add(place, "Mina", [photo(2)], Request("more", b"d")) == added
    assert added.count == 2
    elsewhere = Place(place.tenant, "lee")
    assert store.enrol(elsewhere, "Mina", [photo(1)], ONCE).name == "Mina", "ids are a gallery's"


def test_stale_etags(store: Store, place: Place) -> None:
    made = store.enrol(place, "Mina", [photo(1)], NONE)
    changed = store.add(place, "Mina", [photo(2)], NONE, made.etag)
    assert changed.etag != made.etag
    for stale in (
        lambda: store.add(place, "Mina", [photo(3)], NONE, made.etag),
        lambda: store.rename(place, "Mina", "Mia", made.etag),
        lambda: store.delete_person(place, "Mina", made.etag),
        lambda: store.delete_photograph(place, "Mina", made.photographs[0].id, made.etag),
    ):
        with pytest.raises(Aborted) as caught:
            stale()
        assert caught.value.reason == "STALE_ETAG"
    assert store.person(place, "Mina") == changed
    store.delete_person(place, "Mina", changed.etag)
    again = store.enrol(place, "Mina", [photo(1)], NONE)
    assert again.etag not in (made.etag, changed.etag), "a new person has new etags"


def test_one_of_16_updates_by_one_etag_wins(opened: Callable[..., Store], place: Place) -> None:
    stores = [opened() for _ in range(2)]
    made = stores[0].enrol(place, "Mina", [photo(1)], NONE)

    def rename(number: int) -> bool:
        try:
            stores[number % 2].rename(place, "Mina", f"Mina {number}", made.etag)
        except (Aborted, NotFound):
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(rename, range(16))) == 1
    assert len(names(stores[0], place)) == 1


def test_rename(store: Store, place: Place) -> None:
    made = store.enrol(place, "Mina", [photo(1)], NONE)
    store.enrol(place, "Jun", [photo(2)], NONE)
    with pytest.raises(AlreadyExists):
        store.rename(place, "Mina", "Jun")
    assert store.rename(place, "Mina", "Mina") == made
    assert store.rename(place, "Mina", "민아").name == "민아"
    assert names(store, place) == ["민아", "Jun"]
    with pytest.raises(NotFound):
        store.person(place, "Mina")


def test_lists_have_pages(store: Store, place: Place) -> None:
    for number in range(7):
        store.enrol(place, f"P{number}", [photo(number)], NONE)
    first = store.persons(place, 0, 3)
    second = store.persons(place, first[-1].id, 3)
    assert [each.name for each in (*first, *second)] == [f"P{number}" for number in range(6)]
    assert all(each.count == 1 and not each.photographs for each in first)
    for name in ("lee", "park"):
        store.enrol(Place(place.tenant, name), "Mina", [photo(1)], NONE)
    found = store.galleries(place.tenant, "", 2)
    assert [(each.name, each.persons, each.photographs) for each in found] == [
        ("kim", 7, 7),
        ("lee", 1, 1),
    ]
    assert [each.name for each in store.galleries(place.tenant, "lee", 2)] == ["park"]


def test_erasing(store: Store, place: Place) -> None:
    made = store.enrol(place, "Mina", [photo(1), photo(2)], ONCE)
    one, other = (each.id for each in made.photographs)
    left = store.delete_photograph(place, "Mina", one)
    assert [each.id for each in left.photographs] == [other]
    with pytest.raises(NotFound) as caught:
        store.delete_photograph(place, "Mina", one)
    assert caught.value.kind == "photograph"
    with pytest.raises(FailedPrecondition) as refused:
        store.delete_photograph(place, "Mina", other)
    assert refused.value.reason == "LAST_PHOTOGRAPH"
    store.delete_person(place, "Mina")
    assert names(store, place) == []
    assert list(store.export(place)) == []
    for missing in (
        lambda: store.person(place, "Mina"),
        lambda: store.delete_person(place, "Mina"),
        lambda: store.add(place, "Mina", [photo(1)], NONE),
        lambda: store.replay(place, "Mina", NONE, new=False),
    ):
        with pytest.raises(NotFound):
            missing()
    store.delete_gallery(place)
    with pytest.raises(NotFound) as gone:
        store.delete_gallery(place)
    assert gone.value.kind == "gallery"


def test_tenants_are_apart(store: Store, place: Place) -> None:
    other = Place(place.tenant + "x", place.gallery)
    made = store.enrol(place, "Mina", [photo(1)], ONCE)
    photograph = made.photographs[0].id
    for reach in (
        lambda: store.person(other, "Mina"),
        lambda: store.persons(other, 0, 10),
        lambda: store.rename(other, "Mina", "Mia"),
        lambda: store.delete_person(other, "Mina"),
        lambda: store.delete_photograph(other, "Mina", photograph),
        lambda: store.delete_gallery(other),
        lambda: list(store.export(other)),
        lambda: store.add(other, "Mina", [photo(1)], ONCE),
        lambda: searching(store).identify(other, vector(1)[None], 1),
    ):
        with pytest.raises(NotFound):
            reach()
    assert store.galleries(other.tenant, "", 10) == []
    theirs = store.enrol(other, "Mina", [photo(2)], ONCE)
    with pytest.raises(NotFound):
        store.delete_photograph(other, "Mina", photograph)
    assert theirs.photographs[0].id != photograph
    assert store.person(place, "Mina") == made


@pytest.mark.parametrize(
    "limits",
    [Limits(persons=2), Limits(photographs=2), Limits(galleries=1), Limits(photographs_each=1)],
)
def test_what_is_full(opened: Callable[..., Store], place: Place, limits: Limits) -> None:
    store = opened(limits)
    store.enrol(place, "Mina", [photo(1)], NONE)
    if limits.photographs_each > 1:
        store.enrol(place, "Jun", [photo(2)], NONE) if limits.galleries > 1 else None
    before = names(store, place)
    with pytest.raises(QuotaExceeded) as caught:
        if limits.galleries == 1:
            store.enrol(Place(place.tenant, "lee"), "Sora", [photo(3)], NONE)
        elif limits.photographs_each == 1:
            store.add(place, "Mina", [photo(3)], NONE)
        else:
            store.enrol(place, "Sora", [photo(3)], NONE)
    assert caught.value.status is Status.RESOURCE_EXHAUSTED
    assert caught.value.subject.startswith("gallery:")
    assert names(store, place) == before, "nothing half"
    assert len(store.galleries(place.tenant, "", 10)) == 1


@pytest.mark.parametrize("limits", [Limits(persons=3), Limits(galleries=3)])
def test_limits_hold_where_16_race(
    opened: Callable[..., Store], place: Place, limits: Limits
) -> None:
    stores = [opened(limits) for _ in range(4)]

    def enrol(number: int) -> str:
        gallery = place.gallery if limits.persons == 3 else f"g{number}"
        target = Place(place.tenant, gallery)
        try:
            stores[number % 4].enrol(target, f"P{number}", [photo(number)], NONE)
        except QuotaExceeded:
            return "full"
        return "in"

    with ThreadPoolExecutor(16) as threads:
        ends = list(threads.map(enrol, range(16)))
    assert sorted(ends) == ["full"] * 13 + ["in"] * 3
    found = stores[0].galleries(place.tenant, "", 100)
    assert sum(each.persons for each in found) == 3


def test_export(store: Store, place: Place) -> None:
    for number in range(70):  # more than are read at a time
        store.enrol(place, f"P{number}", [photo(number, b"jpeg" if number == 3 else None)], NONE)
    exported = list(store.export(place))
    assert [each.person for each in exported] == [f"P{number}" for number in range(70)]
    assert np.array_equal(exported[69].embedding, vector(69))
    assert [number for number, each in enumerate(exported) if each.image] == [3]


def test_a_names_sql_is_a_name(store: Store, place: Place) -> None:
    """Names come checked, but the store does not count on it."""
    evil = "x'; DROP TABLE seom_gallery_person; --"
    store.enrol(place, evil, [photo(1)], NONE)
    assert names(store, place) == [evil]
    store.delete_person(place, evil)


def test_erased_bytes_are_gone_from_the_disk(tmp_path: Path) -> None:
    store = Store(Database(f"sqlite:///{tmp_path / 'g.db'}"), Limits(), "m@1")
    place = Place("t", "kim")
    for number in range(50):
        store.enrol(place, f"P{number}", [photo(number, b"a kept picture %d" % number)], NONE)

    def on_disk(number: int) -> tuple[bool, bool]:
        held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        return vector(number).tobytes() in held, b"a kept picture %d" % number in held

    assert on_disk(7) == (True, True), "the check can see them"
    store.delete_person(place, "P7")
    assert on_disk(7) == (False, False)
    store.add(place, "P8", [photo(100)], NONE)
    store.delete_photograph(place, "P8", store.person(place, "P8").photographs[0].id)
    assert on_disk(8)[0] is False
    assert on_disk(9) == (True, True)
    store.delete_gallery(place)
    assert not any(any(on_disk(number)) for number in range(50))
    store.database.close()


def test_a_full_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'g.db'}")
    store = Store(database, Limits(), "m@1")
    store.enrol(Place("t", "kim"), "Mina", [photo(1)], NONE)
    with database.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(QuotaExceeded) as caught:
        store.enrol(Place("t", "kim"), "Jun", [photo(2, bytes(10**6))], NONE)
    assert caught.value.reason == "DISK_FULL"
    assert names(store, Place("t", "kim")) == ["Mina"]
    database.close()


@pytest.mark.parametrize("url", ["mysql://a:secret@b/c", "secret", "sqlite:////proc/secret/g.db"])
def test_a_database_that_cannot_be(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises((FailedPrecondition, Unavailable)) as caught:
        Store(Database(url), Limits(), "m@1").galleries("t", "", 1)
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    url = "postgresql://seom:secret@127.0.0.1:1/galleries"
    with pytest.raises(Unavailable) as caught:
        Store(Database(url), Limits(), "m@1").galleries("t", "", 1)
    assert "127.0.0.1" not in str(caught.value)
    assert "secret" not in caplog.text
    assert "127.0.0.1" not in caplog.text


def test_where_galleries_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SEOM_GALLERY_URL", raising=False)
    monkeypatch.setenv("SEOM_HOME", str(tmp_path))
    assert url_of(None, "g.db") == f"sqlite:///{tmp_path}/g.db"
    monkeypatch.delenv("SEOM_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert url_of(None, "g.db") == f"sqlite:///{tmp_path}/seom/g.db"
    with pytest.raises(FailedPrecondition, match="OURS_URL"):
        url_of("OURS_URL", "g.db")
    monkeypatch.setenv("OURS_URL", "postgresql://here")
    assert url_of("OURS_URL", "g.db") == "postgresql://here"
