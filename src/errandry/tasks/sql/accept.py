"""Taking a task in: key, alias, definition, row and events in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry import clock
from errandry.errors import IdempotencyConflict, TooManyRequests
from errandry.principal import Principal
from errandry.tasks import ids
from errandry.tasks.model import Json, OnCrash, Owner, State, Task
from errandry.tasks.sql import moves, postgresql, reading
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.start import Start
from errandry.tasks.sql.tables import alias_counters, command_versions, events, tasks, upsert


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be taken in.

    `request_hash` tells two requests with one key apart; `keep_s` is how long the task is kept once
    final (seconds, None = the server's retention). At most `concurrency_limit` tasks with the same
    `concurrency_key` run at once. `questions` is what was answered beforehand, `tool` the built-in
    tool that asked for the task, if one did.
    """

    command: str
    digest: str
    document: Mapping[str, Json]
    arguments: Mapping[str, Json]
    request_hash: str
    max_attempts: int
    on_crash: OnCrash
    keep_s: float | None
    concurrency_key: str | None = None
    concurrency_limit: int | None = None
    title: str | None = None
    labels: Mapping[str, str] | None = None
    priority: int = 0
    idempotency_key: str | None = None
    retry_of: str | None = None
    run_at: datetime | None = None
    expires_in_s: float | None = None
    start: Start | None = None
    questions: Mapping[str, Json] | None = None
    tool: str | None = None

    def facts(self) -> dict[str, Json]:
        """What the event of its making tells."""
        facts = {"command": self.command, "digest": self.digest}
        return facts | {"tool": self.tool} if self.tool else facts


@dataclass(frozen=True, slots=True)
class Accepted:
    """The task, and whether an earlier request with the same key had made it."""

    task: Task
    replayed: bool


async def known(
    database: Database, principal: Principal, key: str | None, request_hash: str
) -> Accepted | None:
    """Return the task that an earlier request with this key made, or None.

    Raises:
        IdempotencyConflict: that request was different.
    """
    if key is None:
        return None
    async with database.read() as connection:
        task = await _known(connection, principal, key, request_hash)
    return Accepted(task, replayed=True) if task else None


async def accept(
    database: Database, principal: Principal, new: NewTask, limit: int | None = None
) -> Accepted:
    """Store the task, started as `new.start` says, unless its key is known already.

    Raises:
        IdempotencyConflict: the key belongs to a request that was different.
        TooManyRequests: the principal has `limit` unfinished tasks already that do not run.
    """
    try:
        return await _accept(database, principal, new, limit)
    except IntegrityError:
        # On PostgreSQL another server may have taken the key since we looked.
        key, request = new.idempotency_key, new.request_hash
        if (there := await known(database, principal, key, request)) is None:
            raise
        return there


async def _accept(
    database: Database, principal: Principal, new: NewTask, limit: int | None
) -> Accepted:
    now = clock.now()
    async with database.write() as connection:
        if new.idempotency_key and (
            task := await _known(connection, principal, new.idempotency_key, new.request_hash)
        ):
            return Accepted(task, replayed=True)
        if limit is not None:
            await postgresql.take_turns(connection, f"limit:{principal.iss} {principal.sub}")
            await _check_room(connection, principal, limit)
        task_id = ids.new_id()
        owner = Owner(principal.iss, principal.sub)
        await _keep_definition(connection, new, now)
        facts = [
            moves.NewEvent("created", new.facts(), owner),
            *(new.start.facts(owner) if new.start else ()),
        ]
        number = await _next_number(connection, owner, new.command)
        row = _row(task_id, ids.alias(new.command, number), owner, new, now)
        row |= {"last_seq": len(facts)} | (new.start.values(now) if new.start else {})
        await connection.execute(insert(tasks), row)
        await connection.execute(
            insert(events),
            [moves.event_row(task_id, seq, fact, now) for seq, fact in enumerate(facts, 1)],
        )
        return Accepted(await reading.find(connection, principal, task_id), replayed=False)


async def _known(
    connection: AsyncConnection, principal: Principal, key: str, request_hash: str
) -> Task | None:
    found = await connection.execute(
        select(tasks.c.id, tasks.c.request_hash).where(
            reading.owned_by(principal), tasks.c.idempotency_key == key
        )
    )
    row = found.first()
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise IdempotencyConflict(
            f'The idempotency key "{key}" belongs to another request (task {row.id})',
            next_step="Use a new key for a new request, or send the first request unchanged.",
        )
    return await reading.find(connection, principal, row.id)


async def _check_room(connection: AsyncConnection, principal: Principal, limit: int) -> None:
    waiting = await connection.execute(
        select(func.count()).where(
            reading.owned_by(principal),
            tasks.c.finished_at.is_(None),
            tasks.c.state != State.RUNNING,
        )
    )
    if waiting.scalar_one() >= limit:
        raise TooManyRequests(
            f"{limit} of your tasks wait already, and no more are allowed",
            next_step="Wait until some of them run, or cancel or delete some.",
        )


async def _keep_definition(connection: AsyncConnection, new: NewTask, now: datetime) -> None:
    row = {
        "digest": new.digest,
        "name": new.command,
        "document": dict(new.document),
        "first_used_at": now,
    }
    await connection.execute(
        upsert(connection, command_versions).values(row).on_conflict_do_nothing()
    )


async def _next_number(connection: AsyncConnection, owner: Owner, command: str) -> int:
    first = {"owner_iss": owner.iss, "owner_sub": owner.sub, "command": command, "last": 1}
    counted = await connection.execute(
        upsert(connection, alias_counters)
        .values(first)
        .on_conflict_do_update(
            index_elements=["owner_iss", "owner_sub", "command"],
            set_={"last": alias_counters.c.last + 1},
        )
        .returning(alias_counters.c.last)
    )
    number: int = counted.scalar_one()
    return number


def _row(task_id: str, alias: str, owner: Owner, new: NewTask, now: datetime) -> dict[str, Any]:
    return {
        "id": task_id,
        "alias": alias,
        "owner_iss": owner.iss,
        "owner_sub": owner.sub,
        "command": new.command,
        "command_digest": new.digest,
        "arguments": dict(new.arguments),
        "title": new.title,
        "labels": dict(new.labels or {}),
        "priority": new.priority,
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "state": State.CREATED,
        "revision": 1,
        "cancel_requested": False,
        "attempt": 0,
        "delivery": 0,
        "max_attempts": new.max_attempts,
        "on_crash": new.on_crash,
        "retry_of": new.retry_of,
        "run_at": new.run_at,
        "expires_in_s": new.expires_in_s,
        "keep_s": new.keep_s,
        "questions": new.questions,
        "concurrency_key": new.concurrency_key,
        "concurrency_limit": new.concurrency_limit,
        "created_at": now,
        "updated_at": now,
    }
