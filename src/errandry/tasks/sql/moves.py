"""Every change of a task: one conditional UPDATE with its events, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry.tasks.model import Json, Owner, State
from errandry.tasks.sql import deliveries
from errandry.tasks.sql.tables import events, tasks

_LEAVING = {"concurrency_slot", "finished_at", "priority"}
"""What is set of a row that no longer holds its concurrency key, or waits for it in its old place."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact to be written; its number is given with the row's change."""

    type: str
    data: Mapping[str, Json] = field(default_factory=dict)
    actor: Owner | None = None
    attempt: int | None = None


async def move(
    connection: AsyncConnection,
    task_id: str,
    condition: ColumnElement[bool],
    facts: Sequence[NewEvent],
    at: datetime,
    **values: Any,
) -> bool:
    """Change the row if `condition` holds for it, count its revision up and append the events.

    Returns whether it was changed; if not, nothing was. A row that is given a new delivery number is
    brought to a worker; one that leaves its concurrency key lets the next one of it start.
    """
    changed = await connection.execute(
        update(tasks)
        .where(tasks.c.id == task_id, condition)
        .values(
            revision=tasks.c.revision + 1,
            last_seq=tasks.c.last_seq + len(facts),
            updated_at=at,
            **values,
        )
        .returning(tasks.c.last_seq, *deliveries.NEEDED)
    )
    row = changed.one_or_none()
    if row is None:
        return False
    await append(connection, task_id, row.last_seq - len(facts) + 1, facts, at)
    if "delivery" in values:
        await deliveries.deliver(connection, row)
    if _LEAVING & values.keys() and values.get("state") is not State.RUNNING:
        await deliveries.leave(connection, row)
    return True


async def append(
    connection: AsyncConnection,
    task_id: str,
    first_seq: int,
    facts: Sequence[NewEvent],
    at: datetime,
) -> None:
    """Write the events as `first_seq`, `first_seq` + 1 and so on."""
    if facts:
        await connection.execute(
            insert(events),
            [event_row(task_id, seq, fact, at) for seq, fact in enumerate(facts, first_seq)],
        )


def event_row(task_id: str, seq: int, fact: NewEvent, at: datetime) -> dict[str, Any]:
    """Return the row of an event."""
    return {
        "task_id": task_id,
        "seq": seq,
        "type": fact.type,
        "at": at,
        "attempt": fact.attempt,
        "actor_iss": fact.actor.iss if fact.actor else None,
        "actor_sub": fact.actor.sub if fact.actor else None,
        "data": dict(fact.data),
    }
