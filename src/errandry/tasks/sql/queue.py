"""The queue: what is due, what may start beside what runs, and where a task stands in it.

Tasks with a concurrency key stand in the queue of that key, whoever owns them and whatever their
command; a running one holds a slot of its key, numbered from 1. A unique index sees to it that no two
rows hold the same one, whatever two servers do at the same instant.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    FunctionElement,
    Over,
    Select,
    and_,
    case,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry.tasks.model import State
from errandry.tasks.sql.tables import tasks

Moment = datetime | BindParameter[datetime]
"""Now, or the place of it in a statement that is built once."""

holder = tasks.alias("holder")
_ahead = tasks.alias("ahead")
_mine = tasks.alias("mine")


def is_due(now: Moment, table: FromClause = tasks) -> ColumnElement[bool]:
    """Whether a row is queued and no later start was asked for."""
    return and_(table.c.state == State.QUEUED, or_(table.c.run_at.is_(None), table.c.run_at <= now))


# -- what may start


def may_start(now: datetime, key: str | None = None) -> ColumnElement[bool]:
    """Whether a row is due and, all that stand before it in its key's queue included, has a slot.

    With `key`, whether it is one of that key besides.
    Where commands share a key and differ in its limit, the lowest of all that run or stand before
    counts.
    """
    keyed = tasks.alias("keyed")
    busy = _busy()

    def in_order(what: FunctionElement[int]) -> Over[int]:
        order = (keyed.c.priority.desc(), keyed.c.queued_at, keyed.c.id)
        return what.over(partition_by=keyed.c.concurrency_key, order_by=order)

    full = select(busy.c.concurrency_key).where(busy.c.running >= busy.c.lowest)
    queue = (
        select(
            keyed.c.id,
            keyed.c.concurrency_key,
            in_order(func.row_number()).label("place"),
            in_order(func.min(keyed.c.concurrency_limit)).label("lowest"),
        )
        .where(is_due(now, keyed), keyed.c.concurrency_key.is_not(None))
        .where(keyed.c.concurrency_key.not_in(full))
        .subquery()
    )
    taken = queue.c.place + func.coalesce(busy.c.running, 0)
    startable = (
        select(queue.c.id)
        .outerjoin(busy, busy.c.concurrency_key == queue.c.concurrency_key)
        .where(taken <= queue.c.lowest, or_(busy.c.lowest.is_(None), taken <= busy.c.lowest))
    )
    if key is not None:
        return and_(is_due(now), tasks.c.id.in_(startable.where(queue.c.concurrency_key == key)))
    return and_(is_due(now), or_(tasks.c.concurrency_key.is_(None), tasks.c.id.in_(startable)))


def _busy() -> FromClause:
    """The keys that run: how many tasks, and the lowest of their limits."""
    running = tasks.alias("running")
    return (
        select(
            running.c.concurrency_key,
            func.count().label("running"),
            func.min(running.c.concurrency_limit).label("lowest"),
        )
        .where(running.c.concurrency_slot.is_not(None))
        .group_by(running.c.concurrency_key)
        .subquery("busy")
    )


class Slots:
    """The slots of keys, as they are in one transaction."""

    def __init__(self, taken: set[tuple[str, int]]) -> None:
        self._taken = taken

    @classmethod
    async def read(cls, connection: AsyncConnection, key: str | None = None) -> "Slots":
        """Look at which are held, of one key or of all."""
        held = select(tasks.c.concurrency_key, tasks.c.concurrency_slot).where(
            tasks.c.concurrency_slot.is_not(None)
        )
        if key is not None:
            held = held.where(tasks.c.concurrency_key == key)
        found = await connection.execute(held)
        return cls({(key, slot) for key, slot in found})

    def take(self, key: str, limit: int) -> int | None:
        """Take the first free slot of a key, None when there is none up to the limit."""
        for slot in range(1, limit + 1):
            if (key, slot) not in self._taken:
                self._taken.add((key, slot))
                return slot
        return None


# -- where a task stands


def position(now: Moment) -> ColumnElement[int | None]:
    """The place of a row in its queue, 1 = next: that of its key, else the owner's own tasks."""
    of_key = _count_before(_ahead, now).where(_ahead.c.concurrency_key == tasks.c.concurrency_key)
    of_owner = _count_before(_mine, now).where(
        _mine.c.owner_iss == tasks.c.owner_iss, _mine.c.owner_sub == tasks.c.owner_sub
    )
    return case(
        (and_(is_due(now), tasks.c.concurrency_key.is_not(None)), of_key.scalar_subquery()),
        (is_due(now), of_owner.scalar_subquery()),
    )


def _count_before(ahead: FromClause, now: Moment) -> Select[Any]:
    same = and_(
        ahead.c.priority == tasks.c.priority,
        tuple_(ahead.c.queued_at, ahead.c.id) < tuple_(tasks.c.queued_at, tasks.c.id),
    )
    return select(func.count() + 1).where(
        is_due(now, ahead), or_(ahead.c.priority > tasks.c.priority, same)
    )


def holders(now: Moment) -> ColumnElement[int | None]:
    """How many running tasks a due row's key is held by; null when none, or without a key."""
    return _of_waiting(now, func.nullif(func.count(), 0))


def holder_aliases(now: Moment, seen: ColumnElement[bool]) -> ColumnElement[str | None]:
    """The aliases of those of them that are `seen` (a condition on `holder`), joined by commas."""
    return _of_waiting(now, func.aggregate_strings(holder.c.alias, ","), seen)


def _of_waiting(
    now: Moment, what: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> ColumnElement[Any]:
    holds = (
        holder.c.concurrency_slot.is_not(None),
        holder.c.concurrency_key == tasks.c.concurrency_key,
    )
    return case((is_due(now), select(what).where(*holds, *conditions).scalar_subquery()))
