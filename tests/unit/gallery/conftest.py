"""Every test of storage runs twice: on SQLite, and on a real PostgreSQL where there is one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.gallery.database import Database
from serving.gallery.search import Search
from serving.gallery.store import Store
from serving.gallery.types import Limits, NewPhotograph, Place
from tests.unit.gallery.postgres import binaries, running

_counted = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL here (apt-get install postgresql)")
    with running(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'galleries.db'}"
    found: str = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., Store]]:
    """Makes stores on one database, each with connections of its own, as replicas have."""
    made: list[Store] = []

    def open_store(limits: Limits | None = None, model: str = "faces@1") -> Store:
        made.append(Store(Database(url), limits or Limits(), model))
        return made[-1]

    yield open_store
    for store in made:
        store.database.close()


@pytest.fixture
def store(opened: Callable[..., Store]) -> Store:
    return opened()


@pytest.fixture
def place() -> Place:
    """A tenant of the test's own, for PostgreSQL outlives one test."""
    return Place(f"tenant{next(_counted)}", "kim")


def searching(store: Store, most_bytes: int = 2**20) -> Search:
    return Search(store.database, store.model, 8, most_bytes)


def vector(seed: int) -> NDArray[np.float32]:
    row = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return row / np.linalg.norm(row)


def photo(seed: int, image: bytes | None = None) -> NewPhotograph:
    return NewPhotograph(vector(seed), image=image)
