"""Records of the database within a transaction of the caller's: found, locked, or refused.

Everything is looked for in one tenant's gallery, and what another tenant has is not there.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, select, update

from serving.errors import AlreadyExists, InvalidArgument, NotFound, QuotaExceeded
from serving.gallery.schema import galleries, persons, photographs, requests
from serving.gallery.types import Person, Photograph, Place, Quality, Request

KEPT = photographs.c.image.is_not(None).label("kept")
_OF_PHOTOGRAPH = [column for column in photographs.c if column.name not in ("embedding", "image")]


# Galleries ------------------------------------------------------------------------


def find_gallery(connection: Connection, place: Place) -> Row[Any] | None:
    return connection.execute(_gallery(place)).one_or_none()


def get_gallery(connection: Connection, place: Place) -> Row[Any]:
    """Raises NotFound."""
    found = find_gallery(connection, place)
    if found is None:
        raise no_gallery(place)
    return found


def find_and_lock_gallery(connection: Connection, place: Place) -> Row[Any] | None:
    """Keeps other writers of the gallery out until the transaction's end.

    SQLite has one writer at a time anyway, and knows no FOR UPDATE.
    """
    return connection.execute(_gallery(place).with_for_update()).one_or_none()


def lock_gallery(connection: Connection, place: Place) -> Row[Any]:
    """The same; raises NotFound."""
    found = find_and_lock_gallery(connection, place)
    if found is None:
        raise no_gallery(place)
    return found


def lock_tenant(connection: Connection, tenant: str) -> None:
    """Keeps others from making galleries of a tenant until the transaction's end.

    Needed on PostgreSQL alone, for SQLite has one writer at a time.
    """
    if connection.dialect.name == "postgresql":
        key = func.hashtextextended(tenant, 0)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def _gallery(place: Place) -> Any:
    return select(galleries).where(
        galleries.c.tenant == place.tenant, galleries.c.name == place.gallery
    )


def touch(
    connection: Connection, gallery: Row[Any], person: int | None = None, *, erased: bool = False
) -> None:
    """Counts a change of a gallery and, if it was one of a person, of the person's etag."""
    moment, revision = now(), gallery.revision + 1
    values = {"revision": revision, "updated": moment, **({"erased": revision} if erased else {})}
    connection.execute(update(galleries).where(galleries.c.id == gallery.id).values(values))
    if person is not None:
        connection.execute(
            update(persons)
            .where(persons.c.id == person)
            .values(version=persons.c.version + 1, updated=moment)
        )


# People ---------------------------------------------------------------------------


def people() -> Any:
    """Selects the columns of a Person without photographs."""
    count = select(func.count()).where(photographs.c.person == persons.c.id).scalar_subquery()
    columns = persons.c
    return select(
        columns.id, columns.version, columns.name, count, columns.created, columns.updated
    )


def find_person(connection: Connection, gallery: int, name: str) -> Person | None:
    asked = people().where(persons.c.gallery == gallery, persons.c.name == name)
    row = connection.execute(asked).one_or_none()
    return Person(*row) if row else None


def get_person(connection: Connection, gallery: int, name: str) -> Person:
    """Raises NotFound."""
    found = find_person(connection, gallery, name)
    if found is None:
        raise no_person(name)
    return found


def whole_person(connection: Connection, person: int) -> Person:
    """A person who is there, with all photographs."""
    row = connection.execute(people().where(persons.c.id == person)).one()
    asked = select(*_OF_PHOTOGRAPH, KEPT).where(photographs.c.person == person)
    found = connection.execute(asked.order_by(photographs.c.id))
    return replace(Person(*row), photographs=tuple(map(photograph, found)))


def photograph(row: Any) -> Photograph:
    quality = Quality(row.size, row.sharpness, row.yaw, row.pitch, row.roll)
    return Photograph(row.name, row.model, quality, row.created, bool(row.kept))


def vector(raw: bytes) -> NDArray[np.float32]:
    return np.frombuffer(raw, "<f4")


# Requests -------------------------------------------------------------------------


def done_before(connection: Connection, gallery: int, request: Request) -> Person | None:
    """The person of a request that was carried out before, as it is now.

    Raises InvalidArgument where another request had its id.
    """
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
    return whole_person(connection, row.person)


# Limits and refusals --------------------------------------------------------------


def count(connection: Connection, table: Any, where: Any) -> int:
    return connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()


def require_room(what: str, place: Place, wanted: int, most: int) -> None:
    """Raises QuotaExceeded."""
    if wanted > most:
        raise QuotaExceeded(
            f"{what}: at most {most} may be kept, and this would be {wanted}; delete some first",
            subject=f"gallery:{place.gallery}",
            metadata={"limit": str(most)},
        )


def no_gallery(place: Place) -> NotFound:
    return NotFound(f"there is no gallery {place.gallery!r}", kind="gallery", name=place.gallery)


def no_person(name: str) -> NotFound:
    return NotFound(f"there is no person {name!r} in this gallery", kind="person", name=name)


def taken(name: str) -> AlreadyExists:
    return AlreadyExists(
        f"there is a person {name!r} in this gallery already; add photographs to them, or "
        "choose another name",
        kind="person",
        name=name,
    )


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
