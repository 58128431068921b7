"""The galleries of all tenants, in a database: every change whole, lasting, and seen at once.

Writers of one gallery take turns, so that names and limits are checked against what is
there. Search is not here: see `search`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from serving.errors import FailedPrecondition, NotFound
from serving.gallery import records
from serving.gallery.database import Database
from serving.gallery.schema import galleries, persons, photographs, requests
from serving.gallery.types import (
    Exported,
    Gallery,
    Limits,
    NewPhotograph,
    Person,
    Place,
    Request,
)

_EXPORT_ROWS = 64  # photographs read at a time; pictures may be among them


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
            gallery = records.find_gallery(connection, place)
            if gallery is None:
                if new:
                    return None
                raise records.no_gallery(place)
            if done := records.done_before(connection, gallery.id, request):
                return done
            found = records.find_person(connection, gallery.id, person)
            if found is None and not new:
                raise records.no_person(person)
            if found is not None and new:
                raise records.taken(person)
            return None

    def enrol(
        self, place: Place, person: str, new: Sequence[NewPhotograph], request: Request
    ) -> Person:
        """Adds a person; a request that was carried out before is not carried out again.

        Raises AlreadyExists, QuotaExceeded, and InvalidArgument for a request id of another
        request's.
        """
        with self.database.writing() as connection:
            gallery = records.find_and_lock_gallery(connection, place)
            if gallery is None:
                gallery = self._created(connection, place)
            if done := records.done_before(connection, gallery.id, request):
                return done
            if records.find_person(connection, gallery.id, person) is not None:
                raise records.taken(person)
            held = records.count(connection, persons, persons.c.gallery == gallery.id)
            records.require_room("persons", place, held + 1, self.limits.persons)
            now = records.now()
            values = {"gallery": gallery.id, "name": person, "version": 0}
            key = connection.execute(
                insert(persons).values(created=now, updated=now, **values)
            ).inserted_primary_key
            assert key is not None, "an insertion has a key. This is a bug."
            self._add(connection, place, gallery, key[0], new, request)
            return records.whole_person(connection, key[0])

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
            gallery = records.lock_gallery(connection, place)
            if done := records.done_before(connection, gallery.id, request):
                return done
            found = records.get_person(connection, gallery.id, person)
            found.require(etag)
            total = found.count + len(new)
            records.require_room(
                "photographs of one person", place, total, self.limits.photographs_each
            )
            self._add(connection, place, gallery, found.id, new, request)
            return records.whole_person(connection, found.id)

    def _created(self, connection: Connection, place: Place) -> Row[Any]:
        """The gallery, made now unless somebody who raced us has made it."""
        records.lock_tenant(connection, place.tenant)
        if (found := records.find_and_lock_gallery(connection, place)) is not None:
            return found
        held = records.count(connection, galleries, galleries.c.tenant == place.tenant)
        records.require_room("galleries", place, held + 1, self.limits.galleries)
        now = records.now()
        values = {"tenant": place.tenant, "name": place.gallery, "revision": 0, "erased": 0}
        connection.execute(insert(galleries).values(created=now, updated=now, **values))
        return records.lock_gallery(connection, place)

    def _add(
        self,
        connection: Connection,
        place: Place,
        gallery: Row[Any],
        person: int,
        new: Sequence[NewPhotograph],
        request: Request,
    ) -> None:
        held = records.count(connection, photographs, photographs.c.gallery == gallery.id)
        records.require_room("photographs", place, held + len(new), self.limits.photographs)
        now = records.now()
        rows = [self._row(gallery.id, person, each, now) for each in new]
        connection.execute(insert(photographs), rows)
        if request.id:
            connection.execute(
                insert(requests).values(
                    gallery=gallery.id, id=request.id, person=person, digest=request.digest
                )
            )
        records.touch(connection, gallery, person)

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
            gallery = records.get_gallery(connection, place)
            asked = records.people().where(persons.c.gallery == gallery.id, persons.c.id > after)
            ordered = asked.order_by(persons.c.id).limit(limit)
            return [Person(*row) for row in connection.execute(ordered)]

    def person(self, place: Place, name: str) -> Person:
        """One person with all photographs."""
        with self.database.reading() as connection:
            gallery = records.get_gallery(connection, place)
            found = records.get_person(connection, gallery.id, name)
            return records.whole_person(connection, found.id)

    def embeddings(self, place: Place, name: str) -> tuple[list[str], NDArray[np.float32]]:
        """A person's photographs that this model embedded: ids, and (n, d) float32."""
        asked = select(photographs.c.name, photographs.c.embedding).where(
            photographs.c.model == self.model
        )
        with self.database.reading() as connection:
            gallery = records.get_gallery(connection, place)
            person = records.get_person(connection, gallery.id, name)
            rows = connection.execute(
                asked.where(photographs.c.person == person.id).order_by(photographs.c.id)
            ).all()
        if not rows:
            raise FailedPrecondition(
                f"no photograph of {name!r} was embedded by {self.model}; add one",
                reason="OTHER_MODEL",
            )
        return [row.name for row in rows], np.stack([records.vector(row.embedding) for row in rows])

    def export(self, place: Place) -> Iterator[Exported]:
        """Everything kept in a gallery, a few photographs at a time; each time as it is then."""
        after, known = 0, 0
        while True:
            with self.database.reading() as connection:
                gallery = records.get_gallery(connection, place)
                if known not in (0, gallery.id):  # another one of this name has come since
                    raise records.no_gallery(place)
                known = gallery.id
                asked = (
                    select(photographs, records.KEPT, persons.c.name.label("of"))
                    .join(persons, persons.c.id == photographs.c.person)
                    .where(photographs.c.gallery == gallery.id, photographs.c.id > after)
                    .order_by(photographs.c.id)
                    .limit(_EXPORT_ROWS)
                )
                rows = connection.execute(asked).all()
            for row in rows:
                yield Exported(
                    row.of, records.photograph(row), records.vector(row.embedding), row.image
                )
            if len(rows) < _EXPORT_ROWS:
                return
            after = rows[-1].id

    # Changing ---------------------------------------------------------------------

    def rename(self, place: Place, name: str, new: str, etag: str = "") -> Person:
        """Raises AlreadyExists for a name that is taken, Aborted for a stale etag."""
        with self.database.writing() as connection:
            gallery = records.lock_gallery(connection, place)
            found = records.get_person(connection, gallery.id, name)
            found.require(etag)
            if new != name:
                if records.find_person(connection, gallery.id, new) is not None:
                    raise records.taken(new)
                connection.execute(update(persons).where(persons.c.id == found.id).values(name=new))
                records.touch(connection, gallery, found.id)
            return records.whole_person(connection, found.id)

    def delete_person(self, place: Place, name: str, etag: str = "") -> None:
        """Erases a person for good. Raises Aborted for a stale etag."""
        with self.database.writing() as connection:
            gallery = records.lock_gallery(connection, place)
            found = records.get_person(connection, gallery.id, name)
            found.require(etag)
            connection.execute(delete(persons).where(persons.c.id == found.id))
            records.touch(connection, gallery, erased=True)
        self.database.scrub()

    def delete_photograph(self, place: Place, name: str, photograph: str, etag: str = "") -> Person:
        """Erases one photograph for good; returns who is left.

        Raises Aborted for a stale etag, FailedPrecondition for a person's last one.
        """
        with self.database.writing() as connection:
            gallery = records.lock_gallery(connection, place)
            found = records.get_person(connection, gallery.id, name)
            found.require(etag)
            whole = records.whole_person(connection, found.id)
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
            records.touch(connection, gallery, found.id, erased=True)
            left = records.whole_person(connection, found.id)
        self.database.scrub()
        return left

    def delete_gallery(self, place: Place) -> None:
        """Erases a gallery with everybody in it, for good."""
        with self.database.writing() as connection:
            gallery = records.lock_gallery(connection, place)
            connection.execute(delete(galleries).where(galleries.c.id == gallery.id))
        self.database.scrub()
