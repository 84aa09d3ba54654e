"""The latest runs of commands, whoever owned them: outcome and duration, nothing of any task."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Select, select

from errandry.tasks.model import State
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.tables import tasks
from errandry.tasks.statistics import Run

WINDOW: Final = 200
"""How many final tasks of a command are looked at: what it costs does not grow with their number."""


async def latest(database: Database, commands: Iterable[str]) -> dict[str, list[Run]]:
    """Return the runs among the last `WINDOW` final tasks of each command, the newest first."""
    found: dict[str, list[Run]] = {}
    async with database.read() as connection:
        for command in commands:
            rows = await connection.execute(_newest(command))
            found[command] = [
                Run(State(state), (finished_at - started_at).total_seconds())
                for state, started_at, finished_at in rows
                if started_at is not None
            ]
    return found


def _newest(command: str) -> Select[Any]:
    return (
        select(tasks.c.state, tasks.c.started_at, tasks.c.finished_at)
        .where(tasks.c.command == command, tasks.c.finished_at.is_not(None))
        .order_by(tasks.c.finished_at.desc())
        .limit(WINDOW)
    )
