"""How much waits in the queue, of all owners together."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, or_, select

from errandry.tasks.model import State
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.tables import tasks


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many tasks are due, and since when the first of them is (None: there is none)."""

    due: int
    oldest: datetime | None


async def backlog(database: Database, now: datetime) -> Backlog:
    """Return what waits at a moment; a delayed task waits from the moment it is due."""
    waits_since = case(
        (tasks.c.run_at > tasks.c.queued_at, tasks.c.run_at), else_=tasks.c.queued_at
    )
    due = or_(tasks.c.run_at.is_(None), tasks.c.run_at <= now)
    async with database.read() as connection:
        found = await connection.execute(
            select(func.count(), func.min(waits_since)).where(tasks.c.state == State.QUEUED, due)
        )
        return Backlog(*found.one())
