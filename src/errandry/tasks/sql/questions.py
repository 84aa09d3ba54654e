"""Answers to the questions of a task: kept one by one; with the last the task goes on, or it ends."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import and_

from errandry import clock
from errandry.principal import Principal
from errandry.tasks import questions
from errandry.tasks.model import Json, Owner, State, Task, TaskError
from errandry.tasks.sql import moves, start
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.moves import NewEvent
from errandry.tasks.sql.tables import tasks


async def accept(
    database: Database,
    principal: Principal,
    task: Task,
    contents: Mapping[str, Json],
    **derived: Json,
) -> bool:
    """Keep answers to open questions of a task; when none is left open the task is queued.

    `contents` are checked answers by key, `derived` columns that follow from them. Returns whether
    the task was still as it was read; if not, nothing was kept.
    """
    now = clock.now()
    asked = task.input_requests or {}
    left = {key: request for key, request in asked.items() if key not in contents}
    facts = [_received(principal, dict.fromkeys(contents, "accept"))]
    memory = questions.remember(task.questions, contents)
    values: dict[str, Any] = {"questions": memory, "input_requests": left or None, **derived}
    if not left:
        queue_s = None if task.attempt else task.expires_in_s  # a limit of the first wait alone
        facts.append(start.queued_fact("answered", task.run_at))
        values |= start.again(now, task.run_at, queue_s)
    return await _move(database, task, facts, **values)


async def decline(
    database: Database,
    principal: Principal,
    task: Task,
    actions: Mapping[str, str],
    retention_s: float,
) -> bool:
    """End a task whose questions somebody does not answer. Returns as `accept` does."""
    now = clock.now()
    declined = ", ".join(key for key, action in actions.items() if action != "accept")
    error = asdict(
        TaskError(
            "input_declined",
            f"The question was not answered but declined ({declined})",
            attempt=task.attempt or None,
        )
    )
    facts = [
        _received(principal, actions),
        NewEvent("finished", {"state": State.FAILED, "error": error}),
    ]
    return await _move(
        database,
        task,
        facts,
        state=State.FAILED,
        error=error,
        input_requests=None,
        finished_at=now,
        expires_at=task.kept_until(now, retention_s),
    )


def _received(principal: Principal, actions: Mapping[str, str]) -> NewEvent:
    data: dict[str, Json] = {"actions": dict(actions)}
    return NewEvent("input_received", data, Owner(principal.iss, principal.sub))


async def _move(database: Database, task: Task, facts: list[NewEvent], **values: Any) -> bool:
    unchanged = and_(tasks.c.state == State.INPUT_REQUIRED, tasks.c.revision == task.revision)
    async with database.write() as connection:
        return await moves.move(connection, task.id, unchanged, facts, clock.now(), **values)
