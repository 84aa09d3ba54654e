"""The database: one writer, many readers, and what its failures mean to a caller.

SQLite needs three things that SQLAlchemy does not do by itself: `BEGIN IMMEDIATE` for whatever
writes (else two read-then-write transactions silently lose an update), one connection that alone
writes and checkpoints (releases before 3.51.3 can corrupt the log when two do so at the same
instant), and statements that are not cut in the middle when their caller is cancelled (the
connection's thread would go on, and whoever comes next would find it busy).
"""

import logging
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from errandry.errors import Unavailable
from errandry.jsontext import compact

_log = logging.getLogger(__name__)
_BUSY_MS = 5_000
_READERS = 4


class Database:
    """An open database. `read()` and `write()` give a connection inside one transaction."""

    def __init__(self, writer: AsyncEngine, readers: AsyncEngine) -> None:
        self._writer = writer
        self._readers = readers
        self._turn = anyio.Lock()

    @classmethod
    def sqlite(cls, path: Path) -> "Database":
        """Open the SQLite file at `path`; the schema must be there already."""
        if not has_sound_wal(sqlite3.sqlite_version_info):
            _log.info(
                "SQLite %s has a write-ahead-log bug that only several writers can meet; this server"
                " has one. 3.51.3, 3.50.7 and 3.44.6 are free of it.",
                sqlite3.sqlite_version,
            )
        return cls(_sqlite_engine(path, writes=True), _sqlite_engine(path, writes=False))

    @property
    def writing_engine(self) -> AsyncEngine:
        """The engine of the one writer, for tests that limit it."""
        return self._writer

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """Yield a connection that sees one snapshot and writes nothing.

        As with `write`, the block must be short, and cancellation waits for its end.

        Raises:
            Unavailable: the database does not answer.
        """
        with anyio.CancelScope(shield=True), _translated():
            async with self._readers.connect() as connection, connection.begin():
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """Yield the writing connection; what was done is committed at the end, or nothing of it.

        Writers take turns in the order they came. Cancellation waits for the end of the block, so
        the block must be short and must not wait for anything but the database.

        Raises:
            Unavailable: the database is full, read-only or does not answer.
        """
        async with self._turn:
            with anyio.CancelScope(shield=True), _translated():
                async with self._writer.begin() as connection:
                    yield connection

    async def close(self) -> None:
        """Close every connection; the writer last, since the last one to go checkpoints."""
        await self._readers.dispose()
        await self._writer.dispose()


def has_sound_wal(version: tuple[int, ...]) -> bool:
    """Whether an SQLite release is free of the write-ahead-log bug of 3.7.0 to 3.51.2."""
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def _sqlite_engine(path: Path, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        json_serializer=compact,
        hide_parameters=True,  # an error must not carry arguments into the log
        pool_size=1 if writes else _READERS,
        max_overflow=0,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if not writes:
            cursor.execute("PRAGMA query_only = ON")
            cursor.execute("PRAGMA wal_autocheckpoint = 0")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: "object") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")  # type: ignore[attr-defined]

    return engine


class _translated:  # noqa: N801 - reads as a statement
    """Turn a failure of the database itself into `Unavailable`; a fault of ours stays what it is."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, DBAPIError):
            return
        if isinstance(error.orig, sqlite3.OperationalError):
            _log.error("the database refused: %s", error.orig)
            raise Unavailable(
                f"The database cannot do this now ({error.orig}); nothing was changed",
                next_step="Try again in a few seconds. If it stays so, the operator has to look at the"
                " disk and the log of the server.",
            ) from error
