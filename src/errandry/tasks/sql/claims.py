"""The worker's side of a task: claim it, keep it, end its attempt, take back what was lost.

Fencing: whatever a worker writes names the attempt, and takes effect only while the row is
`running` that attempt; a worker that was given up writes nothing any more.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry import clock
from errandry.tasks.model import Json, Progress, State, Task
from errandry.tasks.retry import FINAL_STATE, Ending, RetryPolicy, pause_s, tries_again
from errandry.tasks.sql import logs, moves, reading, rows, start
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.logs import LogBatch
from errandry.tasks.sql.moves import NewEvent
from errandry.tasks.sql.tables import attempts, command_versions, tasks


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on one attempt, and all that running it needs."""

    task_id: str
    attempt: int
    command: str
    document: dict[str, Json]
    arguments: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt that some worker holds, as its row says. `lease_until` moves with each heartbeat."""

    task_id: str
    attempt: int
    worker: str
    lease_until: datetime | None
    document: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Report:
    """What a running attempt has to tell since the last report."""

    task_id: str
    attempt: int
    progress: Progress | None
    last_line: str | None
    log: LogBatch


def _running(task_id: str, attempt: int) -> ColumnElement[bool]:
    return and_(tasks.c.id == task_id, tasks.c.state == State.RUNNING, tasks.c.attempt == attempt)


async def claim(database: Database, worker: str, limit: int, lease_s: float) -> list[Claim]:
    """Take up to `limit` due tasks, the highest priority and then the longest queued first."""
    now = clock.now()
    due = or_(tasks.c.run_at.is_(None), tasks.c.run_at <= now)
    async with database.write() as connection:
        found = await connection.execute(
            select(tasks, command_versions.c.document)
            .join(command_versions, command_versions.c.digest == tasks.c.command_digest)
            .where(tasks.c.state == State.QUEUED, due)
            .order_by(tasks.c.priority.desc(), tasks.c.queued_at, tasks.c.id)
            .limit(limit)
        )
        return [
            claimed
            for row in found.all()
            if (claimed := await _take(connection, row, worker, now, lease_s))
        ]


async def _take(
    connection: AsyncConnection, row: Row[Any], worker: str, now: datetime, lease_s: float
) -> Claim | None:
    number = row.attempt + 1
    taken = await moves.move(
        connection,
        row.id,
        and_(tasks.c.state == State.QUEUED, tasks.c.delivery == row.delivery),
        [NewEvent("attempt_started", {"worker": worker}, attempt=number)],
        now,
        state=State.RUNNING,
        attempt=number,
        started_at=now,
        expires_at=None,
        progress=None,
        last_line=None,
        worker=worker,
        lease_until=clock.after(now, lease_s),
    )
    if not taken:
        return None
    values = {"task_id": row.id, "attempt": number, "worker": worker, "started_at": now}
    await connection.execute(insert(attempts).values(values))
    return Claim(row.id, number, row.command, row.document, row.arguments)


async def next_due(database: Database) -> datetime | None:
    """When the next delayed task is due, or None when none is queued."""
    async with database.read() as connection:
        due = func.coalesce(tasks.c.run_at, tasks.c.queued_at, type_=tasks.c.run_at.type)
        query = select(due).where(tasks.c.state == State.QUEUED).order_by(due).limit(1)
        found: datetime | None = (await connection.execute(query)).scalar_one_or_none()
        return found


async def renew(database: Database, worker: str, lease_s: float) -> set[tuple[str, int]]:
    """Renew the worker's leases; return (task id, attempt) of those whose cancel was asked for."""
    mine = and_(tasks.c.worker == worker, tasks.c.state == State.RUNNING)
    async with database.write() as connection:
        until = clock.after(clock.now(), lease_s)
        await connection.execute(update(tasks).where(mine).values(lease_until=until))
        asked = await connection.execute(
            select(tasks.c.id, tasks.c.attempt).where(mine, tasks.c.cancel_requested)
        )
        return {(row.id, row.attempt) for row in asked}


async def cancel_requested(database: Database, task_id: str, attempt: int) -> bool:
    """Whether the end of this running attempt was asked for."""
    async with database.read() as connection:
        query = select(tasks.c.cancel_requested).where(_running(task_id, attempt))
        return bool((await connection.execute(query)).scalar_one_or_none())


async def held_by_others(database: Database, worker: str) -> list[Running]:
    """Return every running attempt that is not this worker's."""
    async with database.read() as connection:
        found = await connection.execute(
            select(
                tasks.c.id,
                tasks.c.attempt,
                tasks.c.worker,
                tasks.c.lease_until,
                command_versions.c.document,
            )
            .join(command_versions, command_versions.c.digest == tasks.c.command_digest)
            .where(tasks.c.state == State.RUNNING, tasks.c.worker != worker)
        )
        return [Running(*row) for row in found]


async def report(database: Database, reports: Sequence[Report]) -> None:
    """Store progress and log of many attempts in one transaction; late ones are dropped."""
    async with database.write() as connection:
        known = {
            (row.id, row.attempt)
            for row in await connection.execute(
                select(tasks.c.id, tasks.c.attempt).where(
                    tasks.c.id.in_({each.task_id for each in reports}),
                    tasks.c.state == State.RUNNING,
                )
            )
        }
        current = [each for each in reports if (each.task_id, each.attempt) in known]
        if not current:
            return
        await connection.execute(
            update(tasks)
            .where(tasks.c.id == bindparam("task"))
            .values(progress=bindparam("now"), last_line=bindparam("line")),
            [
                {
                    "task": each.task_id,
                    "now": asdict(each.progress) if each.progress else None,
                    "line": each.last_line,
                }
                for each in current
            ],
        )
        for each in current:
            await logs.append(connection, each.task_id, each.attempt, each.log)


async def release(database: Database, claimed: Claim) -> bool:
    """Put back a task whose program was never started; the attempt does not count."""
    now = clock.now()
    async with database.write() as connection:
        moved = await moves.move(
            connection,
            claimed.task_id,
            _running(claimed.task_id, claimed.attempt),
            [start.queued_fact("drain", None)],
            now,
            attempt=tasks.c.attempt - 1,
            worker=None,
            lease_until=None,
            **start.again(now, None),
        )
        if moved:
            await connection.execute(
                delete(attempts).where(
                    attempts.c.task_id == claimed.task_id, attempts.c.attempt == claimed.attempt
                )
            )
        return moved


async def finish(
    database: Database,
    task_id: str,
    attempt: int,
    ending: Ending,
    policy: RetryPolicy,
    retention_s: float,
    last: Report | None = None,
) -> Task | None:
    """End an attempt: the task is final, or queued for the next one.

    `last` is the attempt's last report, stored in the same transaction. Returns the task, or None
    when the attempt was no longer the current one: then nothing was written.
    """
    now = clock.now()
    async with database.write() as connection:
        found = await connection.execute(
            reading.select_tasks(now).where(_running(task_id, attempt))
        )
        row = found.first()
        if row is None:
            return None
        task = rows.task(row)
        if last is not None:
            await logs.append(connection, task_id, attempt, last.log)
        facts, values = _after(task, ending, policy, now, retention_s)
        if last is not None:
            values |= {"last_line": last.last_line}
            values |= {"progress": asdict(last.progress)} if last.progress else {}
        await moves.move(
            connection,
            task_id,
            _running(task_id, attempt),
            facts,
            now,
            worker=None,
            lease_until=None,
            **values,
        )
        await _close_attempt(connection, task_id, attempt, ending, now)
        changed = await connection.execute(reading.select_tasks(now).where(tasks.c.id == task_id))
        return rows.task(changed.one())


def _after(
    task: Task, ending: Ending, policy: RetryPolicy, now: datetime, retention_s: float
) -> tuple[list[NewEvent], dict[str, Any]]:
    error = asdict(ending.error) if ending.error else None
    data = {
        "outcome": ending.outcome,
        "exit_code": ending.exit_code,
        "signal": ending.signal,
        "error": error,
    }
    finished = NewEvent("attempt_finished", data, attempt=task.attempt)
    stopped = task.cancel_requested and ending.outcome != "succeeded"
    if not stopped and tries_again(policy, task.attempt, ending):
        pause = pause_s(policy, task.attempt, ending)
        run_at = clock.after(now, pause) if pause else None
        reason = "lost" if ending.outcome == "lost" else "retry"
        return [finished, start.queued_fact(reason, run_at)], start.again(now, run_at)
    state = State.CANCELLED if stopped else FINAL_STATE[ending.outcome]
    values = {
        "state": state,
        "result": ending.result,
        "error": None if state is State.CANCELLED else error,
        "finished_at": now,
        "expires_at": task.kept_until(now, retention_s),
    }
    return [finished, NewEvent("finished", {"state": state, "error": values["error"]})], values


async def _close_attempt(
    connection: AsyncConnection, task_id: str, attempt: int, ending: Ending, now: datetime
) -> None:
    await connection.execute(
        update(attempts)
        .where(attempts.c.task_id == task_id, attempts.c.attempt == attempt)
        .values(
            finished_at=now,
            outcome=ending.outcome,
            exit_code=ending.exit_code,
            signal=ending.signal,
            max_rss_bytes=ending.max_rss_bytes,
            cpu_s=ending.cpu_s,
        )
    )
