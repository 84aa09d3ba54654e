"""The worker's side of a task: claim it, keep it, and see what others hold.

Fencing: whatever a worker writes names the attempt, and takes effect only while the row is
`running` that attempt; a worker that was given up writes nothing any more.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry import clock
from errandry.tasks import questions
from errandry.tasks.model import Json, Owner, State
from errandry.tasks.sql import moves, postgresql, queue
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.moves import NewEvent
from errandry.tasks.sql.queue import Slots
from errandry.tasks.sql.tables import attempts, command_versions, tasks


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on one attempt, and all that running it needs.

    Answers given before the start are among the arguments.
    """

    task_id: str
    owner: Owner
    attempt: int
    command: str
    document: dict[str, Json]
    arguments: dict[str, Json]
    questions: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt that some worker holds, as its row says. `lease_until` moves with each heartbeat."""

    task_id: str
    attempt: int
    worker: str
    lease_until: datetime | None
    document: dict[str, Json]


def is_running(task_id: str, attempt: int) -> ColumnElement[bool]:
    """Return the fence of all that a worker writes: this attempt is still the current one."""
    return and_(tasks.c.id == task_id, tasks.c.state == State.RUNNING, tasks.c.attempt == attempt)


async def claim(database: Database, worker: str, limit: int, lease_s: float) -> list[Claim]:
    """Take up to `limit` due tasks, the highest priority and then the longest queued first.

    Never more of one concurrency key than may run at once, and those in their order.
    """
    now = clock.now()
    async with database.write() as connection:
        startable = (
            select(tasks, command_versions.c.document)
            .join(command_versions, command_versions.c.digest == tasks.c.command_digest)
            .where(queue.may_start(now))
            .order_by(tasks.c.priority.desc(), tasks.c.queued_at, tasks.c.id)
            .limit(limit)
            .with_for_update(of=tasks, skip_locked=True)
        )
        rows, slots = (await connection.execute(startable)).all(), Slots(set())
        if any(row.concurrency_key is not None for row in rows):
            await postgresql.take_turns(connection, "concurrency keys")
            rows = (await connection.execute(startable)).all()  # as the last claimer has left them
            slots = await Slots.read(connection)
        return [
            claimed
            for row in rows
            if (claimed := await _take(connection, row, slots, worker, now, lease_s))
        ]


async def _take(
    connection: AsyncConnection,
    row: Row[Any],
    slots: Slots,
    worker: str,
    now: datetime,
    lease_s: float,
) -> Claim | None:
    number, slot = row.attempt + 1, None
    if row.concurrency_key is not None:
        slot = slots.take(row.concurrency_key, row.concurrency_limit)
        if slot is None:
            return None
    try:
        async with connection.begin_nested() if slot else nullcontext():
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
                concurrency_slot=slot,
            )
    except IntegrityError:  # another server has taken the slot since; the next look sees it
        return None
    if not taken:
        return None
    values = {"task_id": row.id, "attempt": number, "worker": worker, "started_at": now}
    await connection.execute(insert(attempts).values(values))
    owner = Owner(row.owner_iss, row.owner_sub)
    memory = row.questions or {}
    arguments = questions.filled(row.arguments, memory)
    return Claim(row.id, owner, number, row.command, row.document, arguments, memory)


async def next_due(database: Database, since: datetime) -> datetime | None:
    """When the first of the tasks that were not due yet at `since` is, or None without such a task.

    A task that waits for its concurrency key waits for the end of an attempt, not for a moment.
    """
    async with database.read() as connection:
        later = and_(tasks.c.state == State.QUEUED, tasks.c.run_at > since)
        found: datetime | None = (
            await connection.execute(select(func.min(tasks.c.run_at)).where(later))
        ).scalar_one()
        return found


async def renew(database: Database, worker: str, lease_s: float) -> set[tuple[str, int]]:
    """Renew the worker's leases; return (task id, attempt) of those whose cancel was asked for."""
    mine = and_(tasks.c.worker == worker, tasks.c.state == State.RUNNING)
    async with database.write() as connection:
        until = clock.after(clock.now(), lease_s)
        in_order = select(tasks.c.id).where(mine).order_by(tasks.c.id).with_for_update()
        await connection.execute(in_order)
        await connection.execute(update(tasks).where(mine).values(lease_until=until))
        asked = await connection.execute(
            select(tasks.c.id, tasks.c.attempt).where(mine, tasks.c.cancel_requested)
        )
        return {(row.id, row.attempt) for row in asked}


async def cancel_requested(database: Database, task_id: str, attempt: int) -> bool:
    """Whether the end of this running attempt was asked for."""
    async with database.read() as connection:
        query = select(tasks.c.cancel_requested).where(is_running(task_id, attempt))
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
