"""What running attempts report: progress and log, of many in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import bindparam, select, update

from errandry import clock
from errandry.tasks.model import Progress, State
from errandry.tasks.sql import logs
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.logs import LogBatch
from errandry.tasks.sql.tables import tasks


@dataclass(frozen=True, slots=True)
class Report:
    """What a running attempt has to tell since the last report."""

    task_id: str
    attempt: int
    progress: Progress | None
    last_line: str | None
    log: LogBatch


async def report(database: Database, reports: Sequence[Report]) -> None:
    """Store progress and log of many attempts in one transaction; late ones are dropped.

    `updated_at` moves with the progress, not with the log.
    """
    now = clock.now()
    async with database.write() as connection:
        known = {
            (row.id, row.attempt): row
            for row in await connection.execute(
                select(tasks.c.id, tasks.c.attempt, tasks.c.progress, tasks.c.updated_at)
                .where(
                    tasks.c.id.in_({each.task_id for each in reports}),
                    tasks.c.state == State.RUNNING,
                )
                .order_by(tasks.c.id)
                .with_for_update()
            )
        }
        current = [each for each in reports if (each.task_id, each.attempt) in known]
        if not current:
            return
        await connection.execute(
            update(tasks)
            .where(tasks.c.id == bindparam("task"))
            .values(
                progress=bindparam("now"), last_line=bindparam("line"), updated_at=bindparam("at")
            ),
            [
                {
                    "task": each.task_id,
                    "now": (progress := asdict(each.progress) if each.progress else None),
                    "line": each.last_line,
                    "at": row.updated_at if row.progress == progress else now,
                }
                for each in current
                for row in [known[each.task_id, each.attempt]]
            ],
        )
        for each in current:
            await logs.append(connection, each.task_id, each.attempt, each.log)
