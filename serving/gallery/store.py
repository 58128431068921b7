"""The galleries of all tenants, in a database: every change whole, lasting, and seen at once.

Writers of one gallery take turns, so that names and limits are checked against what is
there. Search is not here: see `search`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from serving.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    QuotaExceeded,
)
from serving.gallery.database import Database
from serving.gallery.schema import galleries, persons, photographs, requests
from serving.gallery.types import (
    Exported,
    Gallery,
    Limits,
    NewPhotograph,
    Person,
    Photograph,
    Place,
    Quality,
    Request,
)

_EXPORT_ROWS = 64  # photographs read at a time; pictures may be among them
_OF_PHOTOGRAPH = [column for column in photographs.c if column.name not in ("embedding", "image")]
_KEPT = photographs.c.image.is_not(None).label("kept")


class Store:
    """Blocks while the database works; may be shared by threads.

    model: what makes the embeddings of this store's callers, `name@version`

    Every method raises NotFound for a gallery, person or photograph that is not the tenant's,
    Unavailable where the database does not answer, and what else it says.
    """

    def __init__(self, database: Database, limits: Limits, model: str) -> None:
        self.database = database
        self.limits = limits
        self.model = model

    # Enrolment --------------------------------------------------------------------

    def replay(self, place: Place, person: str, request: Request, *, new: bool) -> Person | None:
        """What came of this very request before, if anything; spares what needs no computing.

        new: whether the person is to be enrolled, else to be added to

        Raises AlreadyExists, NotFound and InvalidArgument as `enrol` and `add` would.
        """
        with self.database.reading() as connection:
            gallery = _find(connection, place)
            if gallery is None:
                if new:
                    return None
                raise _no_gallery(place)
            if done := _done(connection, gallery.id, request):
                return done
            found = _person(connection, gallery.id, person)
            if found is None and not new:
                raise _no_person(person)
            if found is not None and new:
                raise _taken(person)
            return None

    def enrol(
        self, place: Place, person: str, new: Sequence[NewPhotograph], request: Request
    ) -> Person:
        """Adds a person; a request that was carried out before is not carried out again.

        Raises AlreadyExists, QuotaExceeded, and InvalidArgument for a request id of another
        request's.
        """
        with self.database.writing() as connection:
            gallery = _lock(connection, place) or self._created(connection, place)
            if done := _done(connection, gallery.id, request):
                return done
            if _person(connection, gallery.id, person) is not None:
                raise _taken(person)
            held = _count(connection, persons, persons.c.gallery == gallery.id)
            _within("persons", place, held + 1, self.limits.persons)
            now = _now()
            values = {"gallery": gallery.id, "name": person, "version": 0}
            key = connection.execute(
                insert(persons).values(created=now, updated=now, **values)
            ).inserted_primary_key
            assert key is not None, "an insertion has a key. This is a bug."
            self._add(connection, place, gallery, key[0], new, request)
            return _whole(connection, key[0])

    def add(
        self,
        place: Place,
        person: str,
        new: Sequence[NewPhotograph],
        request: Request,
        etag: str = "",
    ) -> Person:
        """Adds photographs to a person; otherwise as `enrol`. Raises Aborted for a stale etag."""
        with self.database.writing() as connection:
            gallery = _locked(connection, place)
            if done := _done(connection, gallery.id, request):
                return done
            found = _known(connection, gallery.id, person)
            found.require(etag)
            total = found.count + len(new)
            _within("photographs of one person", place, total, self.limits.photographs_each)
            self._add(connection, place, gallery, found.id, new, request)
            return _whole(connection, found.id)

    def _created(self, connection: Connection, place: Place) -> Row[Any]:
        held = _count(connection, galleries, galleries.c.tenant == place.tenant)
        _within("galleries", place, held + 1, self.limits.galleries)
        now = _now()
        dialect = sqlite if self.database.is_sqlite else postgresql
        made = dialect.insert(galleries).values(
            tenant=place.tenant, name=place.gallery, revision=0, erased=0, created=now, updated=now
        )
        # Whoever races us has made it by the time this returns.
        connection.execute(made.on_conflict_do_nothing())
        return _locked(connection, place)

    def _add(
        self,
        connection: Connection,
        place: Place,
        gallery: Row[Any],
        person: int,
        new: Sequence[NewPhotograph],
        request: Request,
    ) -> None:
        held = _count(connection, photographs, photographs.c.gallery == gallery.id)
        _within("photographs", place, held + len(new), self.limits.photographs)
        now = _now()
        rows = [self._row(gallery.id, person, each, now) for each in new]
        connection.execute(insert(photographs), rows)
        if request.id:
            connection.execute(
                insert(requests).values(
                    gallery=gallery.id, id=request.id, person=person, digest=request.digest
                )
            )
        _touch(connection, gallery, person)

    def _row(self, gallery: int, person: int, new: NewPhotograph, now: int) -> dict[str, Any]:
        quality = new.quality
        return {
            "name": uuid.uuid4().hex,
            "gallery": gallery,
            "person": person,
            "model": self.model,
            "dimension": len(new.embedding),
            "embedding": new.embedding.astype("<f4").tobytes(),
            "size": quality.size,
            "sharpness": quality.sharpness,
            "yaw": quality.yaw,
            "pitch": quality.pitch,
            "roll": quality.roll,
            "created": now,
            "image": new.image,
        }

    # Reading ----------------------------------------------------------------------

    def galleries(self, tenant: str, after: str, limit: int) -> list[Gallery]:
        """The next galleries of a tenant by their names."""
        people = select(func.count()).where(persons.c.gallery == galleries.c.id)
        photos = select(func.count()).where(photographs.c.gallery == galleries.c.id)
        asked = (
            select(
                galleries.c.name,
                people.scalar_subquery(),
                photos.scalar_subquery(),
                galleries.c.created,
                galleries.c.updated,
            )
            .where(galleries.c.tenant == tenant, galleries.c.name > after)
            .order_by(galleries.c.name)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [Gallery(*row) for row in connection.execute(asked)]

    def persons(self, place: Place, after: int, limit: int) -> list[Person]:
        """The next people of a gallery in the order of their enrolment, photographs left out."""
        with self.database.reading() as connection:
            gallery = _found(connection, place)
            asked = _people().where(persons.c.gallery == gallery.id, persons.c.id > after)
            ordered = asked.order_by(persons.c.id).limit(limit)
            return [Person(*row) for row in connection.execute(ordered)]

    def person(self, place: Place, name: str) -> Person:
        """One person with all photographs."""
        with self.database.reading() as connection:
            gallery = _found(connection, place)
            return _whole(connection, _known(connection, gallery.id, name).id)

    def embeddings(self, place: Place, name: str) -> tuple[list[str], NDArray[np.float32]]:
        """A person's photographs that this model embedded: ids, and (n, d) float32."""
        asked = select(photographs.c.name, photographs.c.embedding).where(
            photographs.c.model == self.model
        )
        with self.database.reading() as connection:
            gallery = _found(connection, place)
            person = _known(connection, gallery.id, name)
            rows = connection.execute(
                asked.where(photographs.c.person == person.id).order_by(photographs.c.id)
            ).all()
        if not rows:
            raise FailedPrecondition(
                f"no photograph of {name!r} was embedded by {self.model}; add one",
                reason="OTHER_MODEL",
            )
        return [row.name for row in rows], np.stack([_vector(row.embedding) for row in rows])

    def export(self, place: Place) -> Iterator[Exported]:
        """Everything kept in a gallery, a few photographs at a time; each time as it is then."""
        after, known = 0, 0
        while True:
            with self.database.reading() as connection:
                gallery = _found(connection, place)
                if known not in (0, gallery.id):  # another one of this name has come since
                    raise _no_gallery(place)
                known = gallery.id
                asked = (
                    select(photographs, _KEPT, persons.c.name.label("of"))
                    .join(persons, persons.c.id == photographs.c.person)
                    .where(photographs.c.gallery == gallery.id, photographs.c.id > after)
                    .order_by(photographs.c.id)
                    .limit(_EXPORT_ROWS)
                )
                rows = connection.execute(asked).all()
            for row in rows:
                yield Exported(row.of, _photograph(row), _vector(row.embedding), row.image)
            if len(rows) < _EXPORT_ROWS:
                return
            after = rows[-1].id

    # Changing ---------------------------------------------------------------------

    def rename(self, place: Place, name: str, new: str, etag: str = "") -> Person:
        """Raises AlreadyExists for a name that is taken, Aborted for a stale etag."""
        with self.database.writing() as connection:
            gallery = _locked(connection, place)
            found = _known(connection, gallery.id, name)
            found.require(etag)
            if new != name:
                if _person(connection, gallery.id, new) is not None:
                    raise _taken(new)
                connection.execute(update(persons).where(persons.c.id == found.id).values(name=new))
                _touch(connection, gallery, found.id)
            return _whole(connection, found.id)

    def delete_person(self, place: Place, name: str, etag: str = "") -> None:
        """Erases a person for good. Raises Aborted for a stale etag."""
        with self.database.writing() as connection:
            gallery = _locked(connection, place)
            found = _known(connection, gallery.id, name)
            found.require(etag)
            connection.execute(delete(persons).where(persons.c.id == found.id))
            _touch(connection, gallery, erased=True)
        self.database.scrub()

    def delete_photograph(self, place: Place, name: str, photograph: str, etag: str = "") -> Person:
        """Erases one photograph for good; returns who is left.

        Raises Aborted for a stale etag, FailedPrecondition for a person's last one.
        """
        with self.database.writing() as connection:
            gallery = _locked(connection, place)
            found = _known(connection, gallery.id, name)
            found.require(etag)
            whole = _whole(connection, found.id)
            if photograph not in (each.id for each in whole.photographs):
                raise NotFound(
                    f"{name!r} has no photograph {photograph}", kind="photograph", name=photograph
                )
            if len(whole.photographs) == 1:
                raise FailedPrecondition(
                    f"it is the last photograph of {name!r}; delete the person, or add "
                    "another one first",
                    reason="LAST_PHOTOGRAPH",
                )
            connection.execute(delete(photographs).where(photographs.c.name == photograph))
            _touch(connection, gallery, found.id, erased=True)
            left = _whole(connection, found.id)
        self.database.scrub()
        return left

    def delete_gallery(self, place: Place) -> None:
        """Erases a gallery with everybody in it, for good."""
        with self.database.writing() as connection:
            gallery = _locked(connection, place)
            connection.execute(delete(galleries).where(galleries.c.id == gallery.id))
        self.database.scrub()


# Galleries ------------------------------------------------------------------------


def _find(connection: Connection, place: Place) -> Row[Any] | None:
    return connection.execute(_gallery(place)).one_or_none()


def _found(connection: Connection, place: Place) -> Row[Any]:
    found = _find(connection, place)
    if found is None:
        raise _no_gallery(place)
    return found


def _lock(connection: Connection, place: Place) -> Row[Any] | None:
    """Keeps other writers of the gallery out until the transaction's end.

    SQLite has one writer at a time anyway, and knows no FOR UPDATE.
    """
    return connection.execute(_gallery(place).with_for_update()).one_or_none()


def _locked(connection: Connection, place: Place) -> Row[Any]:
    found = _lock(connection, place)
    if found is None:
        raise _no_gallery(place)
    return found


def _gallery(place: Place) -> Any:
    return select(galleries).where(
        galleries.c.tenant == place.tenant, galleries.c.name == place.gallery
    )


def _touch(
    connection: Connection, gallery: Row[Any], person: int | None = None, *, erased: bool = False
) -> None:
    """Counts a change of a gallery and, if it was one of a person, of the person's etag."""
    now, revision = _now(), gallery.revision + 1
    values = {"revision": revision, "updated": now, **({"erased": revision} if erased else {})}
    connection.execute(update(galleries).where(galleries.c.id == gallery.id).values(values))
    if person is not None:
        connection.execute(
            update(persons)
            .where(persons.c.id == person)
            .values(version=persons.c.version + 1, updated=now)
        )


# People ---------------------------------------------------------------------------


def _people() -> Any:
    count = select(func.count()).where(photographs.c.person == persons.c.id).scalar_subquery()
    columns = persons.c
    return select(
        columns.id, columns.version, columns.name, count, columns.created, columns.updated
    )


def _person(connection: Connection, gallery: int, name: str) -> Person | None:
    asked = _people().where(persons.c.gallery == gallery, persons.c.name == name)
    row = connection.execute(asked).one_or_none()
    return Person(*row) if row else None


def _known(connection: Connection, gallery: int, name: str) -> Person:
    found = _person(connection, gallery, name)
    if found is None:
        raise _no_person(name)
    return found


def _whole(connection: Connection, person: int) -> Person:
    row = connection.execute(_people().where(persons.c.id == person)).one()
    asked = select(*_OF_PHOTOGRAPH, _KEPT).where(photographs.c.person == person)
    rows = connection.execute(asked.order_by(photographs.c.id))
    return replace(Person(*row), photographs=tuple(map(_photograph, rows)))


def _photograph(row: Any) -> Photograph:
    quality = Quality(row.size, row.sharpness, row.yaw, row.pitch, row.roll)
    return Photograph(row.name, row.model, quality, row.created, bool(row.kept))


def _vector(raw: bytes) -> NDArray[np.float32]:
    return np.frombuffer(raw, "<f4")


def _done(connection: Connection, gallery: int, request: Request) -> Person | None:
    """The person of a request that was carried out before, as it is now."""
    if not request.id:
        return None
    asked = select(requests.c.person, requests.c.digest).where(
        requests.c.gallery == gallery, requests.c.id == request.id
    )
    row = connection.execute(asked).one_or_none()
    if row is None:
        return None
    if bytes(row.digest) != request.digest:
        raise InvalidArgument.field(
            "request_id", "was another request's; make one for each", reason="REQUEST_ID_REUSED"
        )
    return _whole(connection, row.person)


# What is refused ------------------------------------------------------------------


def _count(connection: Connection, table: Any, where: Any) -> int:
    return connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()


def _within(what: str, place: Place, wanted: int, most: int) -> None:
    if wanted > most:
        raise QuotaExceeded(
            f"{what}: at most {most} may be kept, and this would be {wanted}; delete some first",
            subject=f"gallery:{place.gallery}",
            metadata={"limit": str(most)},
        )


def _no_gallery(place: Place) -> NotFound:
    return NotFound(f"there is no gallery {place.gallery!r}", kind="gallery", name=place.gallery)


def _no_person(name: str) -> NotFound:
    return NotFound(f"there is no person {name!r} in this gallery", kind="person", name=name)


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(
        f"there is a person {name!r} in this gallery already; add photographs to them, or "
        "choose another name",
        kind="person",
        name=name,
    )


def _now() -> int:
    return time.time_ns() // 1000
