"""PostgreSQL: the pool, and what many writers at once need.

Writers run at READ COMMITTED: each statement sees what was committed before it. Whoever reads a row
in order to change it locks it first, several rows in the order of their ids, so that no two writers
wait for each other in a circle.
"""

from typing import Any, Final

import psycopg
from sqlalchemy import URL, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from errandry.jsontext import compact
from errandry.tasks.sql.location import Location

CONNECT: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "application_name": "errandry",
    "options": "-c timezone=UTC",
    # A server that is gone without a word is noticed well within a lease.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""How to connect, whoever does; it goes before what a URL says."""

RawConnection = psycopg.AsyncConnection[tuple[Any, ...]]

_POOL: Final = 20


def engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the engines of writers and of readers, over one pool; the schema must be there."""
    engine = create_async_engine(
        url,
        json_serializer=compact,
        hide_parameters=True,  # an error must not carry arguments into the log
        pool_size=_POOL,
        max_overflow=0,
        pool_use_lifo=True,
        connect_args=CONNECT,
    )
    readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine, readers


async def connect(location: Location) -> RawConnection:
    """Open a connection apart from the pool, without transactions."""
    return await psycopg.AsyncConnection.connect(location.conninfo, autocommit=True, **CONNECT)


async def take_turns(connection: AsyncConnection, what: str) -> None:
    """Let one transaction at a time go on with `what`, until its end; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, 0))))
