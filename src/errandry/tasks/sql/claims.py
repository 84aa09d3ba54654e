"""The worker's side of a task: claim it, keep it, and see what others hold.

Fencing: whatever a worker writes names the attempt, and takes effect only while the row is
`running` that attempt; a worker that was given up writes nothing any more.
"""

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
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
from errandry.tasks.sql import deliveries, moves, postgresql, queue
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


async def claim_delivery(
    database: Database,
    worker: str,
    task_id: str,
    delivery: int,
    lease_s: float,
    *,
    again: bool = False,
) -> Claim | None:
    """Take the task that a delivery names, if it still waits for this one and its key has a slot.

    `again`: an earlier call may have done it without our hearing of it.
    """
    named = and_(tasks.c.id == task_id, tasks.c.delivery == delivery)
    wanted = select(tasks, command_versions.c.document).join(
        command_versions, command_versions.c.digest == tasks.c.command_digest
    )
    async with database.write() as connection:
        if again:
            ours = wanted.where(named, tasks.c.state == State.RUNNING, tasks.c.worker == worker)
            if row := (await connection.execute(ours)).first():
                return _claim(row, row.attempt)
        waiting = wanted.where(named, tasks.c.state == State.QUEUED)
        key = (await connection.execute(waiting.with_only_columns(tasks.c.concurrency_key))).first()
        if key is None:
            return None
        slots = Slots(set())
        if key.concurrency_key is not None:
            await postgresql.take_turns(connection, f"concurrency key:{key.concurrency_key}")
            at = await deliveries.now(connection)
            waiting = waiting.where(queue.may_start(at, key.concurrency_key))
            slots = await Slots.read(connection, key.concurrency_key)
        row = (await connection.execute(waiting.with_for_update(of=tasks))).first()
        if row is None:
            return None
        return await _take(connection, row, slots, worker, clock.now(), lease_s)


def _claim(row: Row[Any], number: int) -> Claim:
    owner = Owner(row.owner_iss, row.owner_sub)
    memory = row.questions or {}
    arguments = questions.filled(row.arguments, memory)
    return Claim(row.id, owner, number, row.command, row.document, arguments, memory)


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
                lease_until=_lease_end(connection, now, lease_s),
                concurrency_slot=slot,
            )
    except IntegrityError:  # another server has taken the slot since; the next look sees it
        return None
    if not taken:
        return None
    values = {"task_id": row.id, "attempt": number, "worker": worker, "started_at": now}
    await connection.execute(insert(attempts).values(values))
    return _claim(row, number)


def _lease_end(connection: AsyncConnection, now: datetime, lease_s: float) -> Any:
    """When a lease that begins now is over: by the clock of the database that all share."""
    if deliveries.is_used(connection):
        return func.clock_timestamp() + timedelta(seconds=lease_s)
    return clock.after(now, lease_s)


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


async def renew(
    database: Database, worker: str, held: Collection[str], lease_s: float
) -> dict[tuple[str, int], bool]:
    """Renew the leases of a worker on tasks that it holds indeed (their ids).

    Returns (task id, attempt) of those whose lease was renewed, and whether their cancel was asked
    for. What is missing is the worker's no more.
    """
    mine = and_(tasks.c.worker == worker, tasks.c.state == State.RUNNING, tasks.c.id.in_(held))
    async with database.write() as connection:
        until = _lease_end(connection, clock.now(), lease_s)
        found = await connection.execute(
            select(tasks.c.id, tasks.c.attempt, tasks.c.cancel_requested)
            .where(mine)
            .order_by(tasks.c.id)
            .with_for_update()
        )
        kept = {(row.id, row.attempt): row.cancel_requested for row in found}
        await connection.execute(update(tasks).where(mine).values(lease_until=until))
        return kept


async def cancel_requested(database: Database, task_id: str, attempt: int) -> bool:
    """Whether the end of this running attempt was asked for."""
    async with database.read() as connection:
        query = select(tasks.c.cancel_requested).where(is_running(task_id, attempt))
        return bool((await connection.execute(query)).scalar_one_or_none())


async def held_by_others(database: Database, worker: str) -> list[Running]:
    """Return every running attempt that is not this worker's."""
    async with database.read() as connection:
        found = await connection.execute(_running().where(tasks.c.worker != worker))
        return [Running(*row) for row in found]


async def expired(database: Database, limit: int = 200) -> list[Running]:
    """Return attempts whose lease is over by the clock of the database; PostgreSQL only."""
    async with database.read() as connection:
        over = tasks.c.lease_until < func.clock_timestamp()
        found = await connection.execute(_running().where(over).order_by(tasks.c.id).limit(limit))
        return [Running(*row) for row in found]


async def busy_workers(database: Database) -> set[str]:
    """Return the workers that hold attempts, as the rows say."""
    async with database.read() as connection:
        holding = select(tasks.c.worker).where(tasks.c.state == State.RUNNING).distinct()
        return set((await connection.execute(holding)).scalars())


def _running() -> Select[Any]:
    return (
        select(
            tasks.c.id,
            tasks.c.attempt,
            tasks.c.worker,
            tasks.c.lease_until,
            command_versions.c.document,
        )
        .join(command_versions, command_versions.c.digest == tasks.c.command_digest)
        .where(tasks.c.state == State.RUNNING)
    )
