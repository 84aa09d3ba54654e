"""Telling the delivery of what happens to the queue, in the transaction in which it happens.

On PostgreSQL each number that a queued row is given (`tasks.delivery`) becomes a job that brings task
and number to some worker, once. A task that finds its concurrency key busy stays queued without a job;
whoever leaves the key makes a job that has the next one delivered. On SQLite one process looks at the
rows by itself, and none of this does anything.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, String, cast, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry.tasks.sql import queue
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.tables import tasks

FORGOTTEN_S: Final = 30.0
"""A queued task that is due for so long and has no job is given one."""

_BEFORE_ALL: Final = 1_000
"""More than any task's priority: who leaves a key does not know that of the next one."""

KEPT_S: Final = 3600.0
"""How long PgQueuer's log of jobs is kept."""

FORGET: Final = 20_000
ANEW: Final = 200
"""The most rows of one transaction."""

NEEDED: Final = (
    tasks.c.id,
    tasks.c.delivery,
    tasks.c.priority,
    tasks.c.run_at,
    tasks.c.concurrency_key,
)
"""The columns of a row that `deliver` and `leave` look at."""


def is_used(connection: AsyncConnection) -> bool:
    """Whether deliveries are jobs in this database."""
    return connection.dialect.name == "postgresql"


async def deliver(connection: AsyncConnection, *rows: Row[*tuple[Any, ...]]) -> None:
    """Have queued rows, each with a new delivery number, brought to workers when they are due."""
    if not is_used(connection) or not rows:
        return
    from errandry.tasks.sql import jobs  # noqa: PLC0415 - see there

    delays = await _delays(connection, rows)
    names = [f"{row.id}:{row.delivery}" for row in rows]
    made = [
        jobs.Job(jobs.RUN, name, row.priority, delays.get(row.id), unique=name)
        for name, row in zip(names, rows, strict=True)
    ]
    await jobs.enqueue(connection, made)


async def leave(connection: AsyncConnection, row: Row[*tuple[Any, ...]]) -> None:
    """Have the next of its key delivered: a row holds it no more, or waits for it no more."""
    if not is_used(connection) or row.concurrency_key is None:
        return
    from errandry.tasks.sql import jobs  # noqa: PLC0415 - see there

    job = jobs.Job(jobs.NEXT, row.concurrency_key, _BEFORE_ALL)
    await jobs.enqueue(connection, [job])


async def deliver_next(database: Database, key: str) -> int:
    """Deliver anew what may start of a key; return how many. What comes of older numbers is void."""
    async with database.write() as connection:
        return await _anew(connection, queue.may_start(await now(connection), key))


async def deliver_forgotten(database: Database) -> int:
    """Deliver anew what may start, is due for a while and has no job; return how many.

    That heals a table of PgQueuer that was emptied or restored, and any job that got lost.
    """
    from errandry.tasks.sql.jobs import jobs  # noqa: PLC0415 - see there

    async with database.write() as connection:
        at = await now(connection)
        since = func.greatest(tasks.c.queued_at, tasks.c.run_at)  # passes over null
        unique = tasks.c.id + ":" + cast(tasks.c.delivery, String)
        return await _anew(
            connection,
            queue.may_start(at),
            since < at - timedelta(seconds=FORGOTTEN_S),
            ~exists().where(jobs.c.dedupe_key == unique),
        )


async def forget_jobs(database: Database) -> None:
    """Delete what PgQueuer wrote down about jobs an hour ago and earlier, at most so many rows."""
    from errandry.tasks.sql.jobs import log  # noqa: PLC0415 - see there

    async with database.write() as connection:
        old = log.c.created < await now(connection) - timedelta(seconds=KEPT_S)
        some = select(log.c.id).where(old).order_by(log.c.id).limit(FORGET)
        await connection.execute(delete(log).where(log.c.id.in_(some)))


async def now(connection: AsyncConnection) -> datetime:
    """Return the time by the clock of the database; PostgreSQL only."""
    at: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return at


async def _anew(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> int:
    due = select(tasks.c.id).where(*conditions).order_by(tasks.c.id).limit(ANEW)
    ids = (await connection.execute(due.with_for_update(of=tasks))).scalars().all()
    again = update(tasks).where(tasks.c.id.in_(ids)).values(delivery=tasks.c.delivery + 1)
    rows = (await connection.execute(again.returning(*NEEDED))).all()
    await deliver(connection, *rows)
    return len(rows)


async def _delays(
    connection: AsyncConnection, rows: Sequence[Row[*tuple[Any, ...]]]
) -> dict[str, timedelta]:
    """Return how long each has to wait yet, by the clock of the database."""
    ids = [row.id for row in rows if row.run_at is not None]
    if not ids:
        return {}
    left = select(tasks.c.id, tasks.c.run_at - func.now()).where(tasks.c.id.in_(ids))
    return {row[0]: row[1] for row in await connection.execute(left)}
