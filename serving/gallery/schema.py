"""The tables: galleries of tenants, people in them, photographs of people, requests done.

A person's photographs and requests go with the person, a gallery's people with the gallery.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

VERSION = 1

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up by itself there

schema_version = Table(
    "seom_gallery_schema", metadata, Column("version", Integer, primary_key=True)
)

# An id that was given is given to no other (sqlite_autoincrement).
#
# revision: counts every change of what is searched; erased: the revision of the last change
# that took rows away, so that who has seen it needs to read new rows only.
galleries = Table(
    "seom_gallery",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("name", String(63), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("erased", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("tenant", "name", name="seom_gallery_name"),
    sqlite_autoincrement=True,
)

persons = Table(
    "seom_gallery_person",
    metadata,
    Column("id", _Id, primary_key=True),
    Column[int]("gallery", ForeignKey(galleries.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("gallery", "name", name="seom_gallery_person_name"),
    Index("seom_gallery_person_order", "gallery", "id"),
    sqlite_autoincrement=True,
)

photographs = Table(
    "seom_gallery_photograph",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", String(32), nullable=False, unique=True),
    Column[int]("gallery", ForeignKey(galleries.c.id, ondelete="CASCADE"), nullable=False),
    Column[int]("person", ForeignKey(persons.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("model", String(96), nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("embedding", LargeBinary, nullable=False),  # float32, least byte first
    Column("size", Float, nullable=False),
    Column("sharpness", Float),
    Column("yaw", Float),
    Column("pitch", Float),
    Column("roll", Float),
    Column("created", BigInteger, nullable=False),
    Column("image", LargeBinary),
    Index("seom_gallery_photograph_order", "gallery", "id"),
    sqlite_autoincrement=True,
)

requests = Table(
    "seom_gallery_request",
    metadata,
    Column[int]("gallery", ForeignKey(galleries.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column[int]("person", ForeignKey(persons.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False),
)
