"""Who a face is: galleries' embeddings in memory, as fresh as the database and bounded.

Before each search one small query asks for the gallery's revision. What has only grown is
appended to, what has lost rows is read again; the galleries not used for longest give way.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, select

from serving.errors import NotFound
from serving.gallery.database import Database
from serving.gallery.matrix import Matrix, Near
from serving.gallery.schema import galleries, persons, photographs
from serving.gallery.types import Candidate, Identity, Place

_READ_ROWS = 4096


@dataclass(slots=True)
class _Cached:
    """One gallery in memory; `turn` is held by whoever reads or changes it."""

    matrix: Matrix
    revision: int = -1
    erased: int = -1
    turn: threading.Lock = field(default_factory=threading.Lock)


class Search:
    """Blocks while it reads and computes; may be shared by threads.

    model: whose embeddings are compared, `name@version`; others' rows are not looked at
    dimension: of these
    most_bytes: of all galleries in memory together; the one being searched always stays
    """

    def __init__(self, database: Database, model: str, dimension: int, most_bytes: int) -> None:
        self._database = database
        self._model = model
        self._dimension = dimension
        self._most_bytes = most_bytes
        self._cached: OrderedDict[int, _Cached] = OrderedDict()
        self._turn = threading.Lock()

    @property
    def nbytes(self) -> int:
        with self._turn:
            return sum(each.matrix.nbytes for each in self._cached.values())

    def identify(self, place: Place, faces: NDArray[np.float32], top_k: int) -> list[Identity]:
        """Who each of (m, d) faces may be, whatever the similarity.

        Raises NotFound where the tenant has no such gallery.
        """
        with self._database.reading() as connection:
            asked = select(galleries.c.id, galleries.c.revision, galleries.c.erased).where(
                galleries.c.tenant == place.tenant, galleries.c.name == place.gallery
            )
            gallery = connection.execute(asked).one_or_none()
            if gallery is None:
                raise NotFound(
                    f"there is no gallery {place.gallery!r}", kind="gallery", name=place.gallery
                )
            cached = self._entry(gallery.id)
            with cached.turn:
                if cached.revision < gallery.revision:
                    self._refresh(connection, cached, gallery.id, gallery.erased)
                    cached.revision = gallery.revision
                # One more than asked for: the margin is to the second.
                nearest = cached.matrix.nearest(faces, max(2, top_k))
                photos = {
                    near.row: cached.matrix.photograph(near.row)
                    for found in nearest
                    for near in found[:top_k]
                }
            self._make_room(gallery.id)
            people = {near.person for found in nearest for near in found}
            names = _names(connection, persons, people)
            ids = _names(connection, photographs, set(photos.values()))
        return [_identity(found, top_k, names, photos, ids) for found in nearest]

    def forget(self) -> None:
        """Drops from memory what the database no longer has: erased is erased everywhere."""
        with self._turn:
            held = {key: each.erased for key, each in self._cached.items()}
        if not held:
            return
        asked = select(galleries.c.id, galleries.c.erased).where(galleries.c.id.in_(held))
        with self._database.reading() as connection:
            there = {row.id: row.erased for row in connection.execute(asked)}
        with self._turn:
            for key, erased in held.items():
                cached = self._cached.get(key)
                if cached and cached.erased == erased and there.get(key) != erased:
                    del self._cached[key]

    def _entry(self, gallery: int) -> _Cached:
        with self._turn:
            cached = self._cached.setdefault(gallery, _Cached(Matrix(self._dimension)))
            self._cached.move_to_end(gallery)
            return cached

    def _refresh(self, connection: Connection, cached: _Cached, gallery: int, erased: int) -> None:
        if cached.erased != erased:
            cached.matrix = Matrix(self._dimension)
        asked = (
            select(photographs.c.id, photographs.c.person, photographs.c.embedding)
            .where(
                photographs.c.gallery == gallery,
                photographs.c.model == self._model,
                photographs.c.dimension == self._dimension,
                photographs.c.id > cached.matrix.last,
            )
            .order_by(photographs.c.id)
            .execution_options(yield_per=_READ_ROWS)
        )
        for part in connection.execute(asked).partitions():
            ids, of, raw = zip(*part, strict=True)
            rows = np.frombuffer(b"".join(raw), "<f4").reshape(len(ids), self._dimension)
            cached.matrix.extend(rows, np.array(of, np.int64), np.array(ids, np.int64))
        cached.erased = erased

    def _make_room(self, used: int) -> None:
        with self._turn:
            total = sum(each.matrix.nbytes for each in self._cached.values())
            for gallery in list(self._cached):
                if total <= self._most_bytes:
                    return
                if gallery != used:
                    total -= self._cached.pop(gallery).matrix.nbytes


def _names(connection: Connection, table: Table, ids: set[int]) -> dict[int, str]:
    """Names by ids, as they are now: what was erased since has none."""
    asked = select(table.c.id, table.c.name).where(table.c.id.in_(ids))
    return {row.id: row.name for row in connection.execute(asked)}


def _identity(
    found: list[Near],
    top_k: int,
    names: dict[int, str],
    photos: dict[int, int],
    ids: dict[int, str],
) -> Identity:
    there = [near for near in found if near.person in names]
    margin = there[0].similarity - there[1].similarity if len(there) > 1 else None
    candidates = tuple(
        Candidate(names[near.person], near.similarity, ids.get(photos.get(near.row, 0), ""))
        for near in there[:top_k]
    )
    return Identity(candidates, margin)
