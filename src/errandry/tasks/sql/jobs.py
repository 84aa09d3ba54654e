"""The jobs of PgQueuer on PostgreSQL: how they are made, and where its own tables are.

PgQueuer has a schema of its own in the database, so that our migrations never see it. Imported where
it is needed: it takes a fifth of a second, and SQLite has no use for it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar, cast

from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver
from sqlalchemy import BigInteger, Column, DateTime, MetaData, String, Table
from sqlalchemy.ext.asyncio import AsyncConnection as Connection

from errandry.tasks.sql import postgresql
from errandry.tasks.sql.location import Location

RUN: Final = "run"
"""Entrypoint of a delivery: its payload names a task and a delivery number."""

NEXT: Final = "next"
"""Entrypoint of the message that a concurrency key may have a free slot; its payload is the key."""

_SCHEMA: Final = "pgqueuer"
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_lock(hashtextextended('errandry:deliveries', 0))"
_PLACE: Final = re.compile(r"\$(\d+)")

# Everything is said, since it would be read from the environment otherwise, from names like TRIGGER.
SETTINGS: Final = DBSettings.model_validate(
    {
        "prefix": "",
        "db_schema": _SCHEMA,
        "channel": Channel("errandry_deliveries"),
        "function": "fn_pgqueuer_changed",
        "statistics_table": "pgqueuer_statistics",
        "queue_status_type": "pgqueuer_status",
        "queue_table": "pgqueuer",
        "queue_table_log": "pgqueuer_log",
        "trigger": "tg_pgqueuer_changed",
        "schedules_table": "pgqueuer_schedules",
        "durability": Durability.durable,
        "widen_id": True,
    }
)

_metadata = MetaData(schema=_SCHEMA)
jobs = Table("pgqueuer", _metadata, Column("dedupe_key", String))
"""The jobs that are there; PgQueuer deletes one when its handler has returned."""

log = Table(
    "pgqueuer_log",
    _metadata,
    Column("id", BigInteger),
    Column("created", DateTime(timezone=True)),
)
"""What became of jobs; nobody but us makes it shorter."""

SomeQueries = TypeVar("SomeQueries", bound=Queries)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Job:
    """A job to be made; at most one with the same `unique` is there at any time."""

    entrypoint: str
    payload: str
    priority: int
    delay: timedelta | None = None
    unique: str | None = None


def queries(driver: Driver, kind: type[SomeQueries]) -> SomeQueries:
    """Return the statements of PgQueuer, for its tables in our schema."""
    return kind(
        driver,
        qbe=QueryBuilderEnvironment(SETTINGS),
        qbq=QueryQueueBuilder(SETTINGS),
        qbs=QuerySchedulerBuilder(SETTINGS),
    )


async def enqueue(connection: Connection, made: Sequence[Job]) -> None:
    """Make jobs in the transaction of the connection."""
    within = queries(cast("Driver", _Within(connection)), Queries)
    await within.enqueue(
        [job.entrypoint for job in made],
        [job.payload.encode() for job in made],
        [job.priority for job in made],
        [job.delay for job in made],
        [job.unique for job in made],
        on_conflict="skip",
    )


class _Within:
    """What `Queries.enqueue` needs of a driver, within a transaction of SQLAlchemy."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, query: str, *arguments: object) -> list[dict[str, object]]:
        """Run a statement with places `$1`, `$2`, … in it."""
        named = _PLACE.sub(r"%(p\1)s", query.replace("%", "%%"))
        values = {f"p{number}": value for number, value in enumerate(arguments, 1)}
        rows = await self._connection.exec_driver_sql(named, values)
        return [dict(row) for row in rows.mappings()]


# -- the schema


def upgrade(location: Location) -> bool:
    """Bring PgQueuer's tables to what its installed release needs; return whether they were not.

    Blocks. Not one transaction (PostgreSQL adds values to a type outside of one only): repeat it
    when it was broken off. Whoever does so at the same time waits.
    """
    return asyncio.run(_with_queries(location, _upgrade))


def is_current(location: Location) -> bool:
    """Whether PgQueuer's tables are as its installed release needs them. Blocks."""
    return asyncio.run(_with_queries(location, _is_current))


async def _with_queries(location: Location, work: Callable[[Queries], Awaitable[Result]]) -> Result:
    async with await postgresql.connect(location) as connection:
        return await work(queries(PsycopgDriver(connection), Queries))


async def _is_current(there: Queries) -> bool:
    return await there.schema_is_installed() and not (await there.plan_upgrade()).statements


async def _upgrade(there: Queries) -> bool:
    await there.driver.execute(_ONE_AT_A_TIME)  # held until the connection is closed
    if await _is_current(there):
        return False
    if await there.schema_is_installed():
        await there.upgrade()
    else:
        await there.install()
    return True
