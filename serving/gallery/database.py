"""The database behind galleries: how it is opened, and what its failures mean to a caller.

SQLite in a file by default, PostgreSQL by URL. What is acknowledged is on the disk, what is
erased is overwritten there; no error shows an address, a statement or a value.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from serving.errors import FailedPrecondition, QuotaExceeded, ServingError, Unavailable
from serving.gallery.schema import VERSION, metadata, schema_version

logger = logging.getLogger(__name__)

BUSY_S = 10.0  # how long a writer waits for the one before it
_DISK_FULL = "53100"  # PostgreSQL's SQLSTATE
_SCHEMA_LOCK = 0x5E0A  # of PostgreSQL's advisory locks


class Database:
    """One engine; opened with the first transaction, for whoever starts first makes the tables."""

    def __init__(self, url: str) -> None:
        """Raises FailedPrecondition for a URL of another kind; nothing is opened yet."""
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise FailedPrecondition(
                "the galleries' database has no usable URL; write postgresql://… or sqlite:///…",
                reason="GALLERY_DATABASE",
            ) from None
        kind = parsed.get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise FailedPrecondition(
                "galleries are kept in SQLite or PostgreSQL; give the URL of one of these",
                reason="GALLERY_DATABASE",
            )
        self.is_sqlite = kind == "sqlite"
        self._parsed = parsed if self.is_sqlite else parsed.set(drivername="postgresql+psycopg")
        self._engine: Engine | None = None
        self._opening = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One view of the data; raises ServingError for whatever befalls the database."""
        with _translated(), self._opened().connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """All or nothing, and on the disk when the block has ended."""
        with _translated(), self._opened().connect() as connection:
            connection = connection.execution_options(seom_writes=True)
            with connection.begin():
                yield connection

    def scrub(self) -> None:
        """Leaves nothing of what was erased in SQLite's log of writes.

        In the tables themselves erased bytes are zeroes already (`secure_delete`). Readers of
        older states delay it; the next erasure, or closing, does what one could not.
        """
        if not self.is_sqlite:
            return
        with _translated(), self._opened().connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _opened(self) -> Engine:
        with self._opening:
            if self._engine is None:
                engine = self._made()
                _prepare(engine)
                self._engine = engine
            return self._engine

    def _made(self) -> Engine:
        if not self.is_sqlite:
            return create_engine(
                self._parsed,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_size=4,
                max_overflow=4,
                pool_timeout=BUSY_S,
                connect_args={"connect_timeout": int(BUSY_S), "application_name": "seom"},
            )
        if self._parsed.database and self._parsed.database != ":memory:":
            path = Path(self._parsed.database)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(mode=0o600, exist_ok=True)
            except OSError:
                logger.exception("the galleries' database cannot be opened")
                raise Unavailable("the galleries' database cannot be opened") from None
        engine = create_engine(self._parsed, hide_parameters=True, connect_args={"timeout": BUSY_S})
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        return engine


def url_of(variable: str | None, file: str) -> str:
    """Where galleries are: the URL in an environment variable, else a file of SQLite.

    variable: its name; None is SEOM_GALLERY_URL, which need not be set
    file: relative to SEOM_HOME where that is set, else to the user's folder for data

    Raises FailedPrecondition where a variable that is named is not set.
    """
    url = os.environ.get(variable or "SEOM_GALLERY_URL")
    if url:
        return url
    if variable:
        raise FailedPrecondition(
            f"the environment variable {variable} is to say where galleries are kept; set it",
            reason="GALLERY_DATABASE",
        )
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    home = os.environ.get("SEOM_HOME") or str(Path(data) / "seom")
    return f"sqlite:///{Path(home).absolute() / file}"


def _prepare(engine: Engine) -> None:
    """Makes the tables, once among all who start together."""
    with engine.connect().execution_options(seom_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
        metadata.create_all(connection)
        found = connection.execute(select(schema_version.c.version)).scalar()
        if found is None:
            connection.execute(insert(schema_version).values(version=VERSION))
        elif found != VERSION:
            raise FailedPrecondition(
                f"the galleries' database has schema {found}; this server knows {VERSION}",
                reason="GALLERY_DATABASE",
            )


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, by their kind
    _write_ahead(connection)
    for pragma in (
        "synchronous=FULL",  # a commit is on the disk before it is acknowledged
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers beside a writer. The file remembers it; where several are the first to ask for
    it, SQLite refuses all but one at once instead of waiting."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def _begin(connection: Connection) -> None:
    """A writer takes its turn at the start: one that turned from reading would fail instead."""
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("seom_writes") else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ServingError:
        raise
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None)
        code = getattr(cause, "sqlite_errorcode", None) or getattr(cause, "sqlstate", None)
        # Nothing of its text: that may hold an address, a statement or a face.
        logger.error("the galleries' database failed: %s %s", type(cause or error).__name__, code)
        if code in (_DISK_FULL, sqlite3.SQLITE_FULL):
            raise QuotaExceeded(
                "there is no room left to keep galleries in",
                subject="disk",
                reason="DISK_FULL",
            ) from None
        raise Unavailable(
            "the galleries' database does not answer", reason="GALLERY_DATABASE"
        ) from None
