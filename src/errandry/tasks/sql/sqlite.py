"""SQLite: what SQLAlchemy does not do for it by itself.

`BEGIN IMMEDIATE` for whatever writes (else two read-then-write transactions silently lose an
update), and one connection that alone writes and checkpoints (releases before 3.51.3 can corrupt the
log when two do so at the same instant).
"""

import logging
import sqlite3
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from errandry.jsontext import compact

_log = logging.getLogger(__name__)
_BUSY_MS = 5_000
_READERS = 4


def engines(path: Path) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the engine of the one writer and that of the readers; the schema must be there."""
    if not has_sound_wal(sqlite3.sqlite_version_info):
        _log.info(
            "SQLite %s has a write-ahead-log bug that only several writers can meet; this server"
            " has one. 3.51.3, 3.50.7 and 3.44.6 are free of it.",
            sqlite3.sqlite_version,
        )
    return _engine(path, writes=True), _engine(path, writes=False)


def has_sound_wal(version: tuple[int, ...]) -> bool:
    """Whether an SQLite release is free of the write-ahead-log bug of 3.7.0 to 3.51.2."""
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def _engine(path: Path, *, writes: bool) -> AsyncEngine:
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
