"""What a caller may change of a task: its fields, its start, its end, its being there."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry import clock
from errandry.errors import DigestMismatch, Fault, RevisionMismatch, TaskActive, TaskNotEditable
from errandry.principal import Principal
from errandry.tasks import wire
from errandry.tasks.model import Json, Owner, State, Task, TaskError
from errandry.tasks.sql import reading, rows
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.moves import NewEvent, move
from errandry.tasks.sql.start import Start
from errandry.tasks.sql.tables import tasks

Decision = Literal["approved", "rejected"]
_EDITABLE_BEFORE_RUNNING = frozenset({"title", "labels", "priority"})
_EDITABLE_ALWAYS = frozenset({"title", "labels"})
_GIVEN_UP: Final = {
    State.QUEUED: ("expired", "The task did not start within its expires_in_s"),
    State.AWAITING_APPROVAL: ("approval_expired", "Nobody decided about the task in time"),
    State.INPUT_REQUIRED: ("input_expired", "Nobody answered the task in time"),
}
"""What is said of a task that has waited too long."""


def _owner(principal: Principal) -> Owner:
    return Owner(principal.iss, principal.sub)


def _check_revision(task: Task, expected: frozenset[int] | None) -> None:
    if expected is not None and task.revision not in expected:
        raise RevisionMismatch(
            f"The task is at revision {task.revision}, which was not named",
            next_step="Read the task again and decide anew.",
        )


async def _changed(
    connection: AsyncConnection,
    principal: Principal,
    task: Task,
    facts: list[NewEvent],
    at: datetime,
    **values: Any,
) -> Task:
    """Move the task on from exactly the revision that was read, and read it again."""
    condition: ColumnElement[bool] = tasks.c.revision == task.revision
    if not await move(connection, task.id, condition, facts, at, **values):
        raise RevisionMismatch(
            "The task has just changed", next_step="Read the task again and repeat."
        )
    return await reading.find(connection, principal, task.id)


def _editable(task: Task) -> frozenset[str]:
    if task.state is State.CREATED:
        return _EDITABLE_BEFORE_RUNNING | {"arguments", "run_at"}
    if task.state is State.RUNNING or task.state.is_final:
        return _EDITABLE_ALWAYS
    return _EDITABLE_BEFORE_RUNNING


async def update(
    database: Database,
    principal: Principal,
    reference: str,
    fields: Mapping[str, Json | datetime],
    expected_revisions: frozenset[int] | None,
    **derived: Json,
) -> Task:
    """Set the named fields of a task, and the columns that are `derived` from them.

    Raises:
        TaskNotFound, AmbiguousAlias, NotPermitted: see `reading.find_own`.
        RevisionMismatch: the task is at another revision.
        TaskNotEditable: a field cannot be changed in this state; the faults name it.
    """
    async with database.write() as connection:
        task = await reading.find_own(connection, principal, reference, lock=True)
        _check_revision(task, expected_revisions)
        allowed = _editable(task)
        if late := sorted(set(fields) - allowed):
            raise TaskNotEditable(
                f"A task that is {task.state} takes no new {' or '.join(late)}",
                faults=[
                    Fault(f"/{name}", f"cannot be changed when {task.state}", sorted(allowed))
                    for name in late
                ],
                next_step="Retry the task with other arguments instead."
                if task.state.is_final
                else None,
            )
        if not fields:
            return task
        fact = NewEvent("updated", {"fields": sorted(fields)}, _owner(principal))
        return await _changed(connection, principal, task, [fact], clock.now(), **fields, **derived)


async def execute(
    database: Database, principal: Principal, reference: str, begin: Start
) -> tuple[Task, bool]:
    """Start a `created` task; return it and whether this call started it. See `reading.find_own`."""
    now = clock.now()
    async with database.write() as connection:
        task = await reading.find_own(connection, principal, reference, lock=True)
        if task.state is not State.CREATED:
            return task, False
        facts = list(begin.facts(_owner(principal)))
        return await _changed(connection, principal, task, facts, now, **begin.values(now)), True


async def cancel(
    database: Database,
    principal: Principal,
    reference: str,
    reason: str | None,
    retention_s: float,
) -> Task:
    """End a task that does not run; ask for the end of one that does. See `reading.find_own`."""
    now = clock.now()
    async with database.write() as connection:
        task = await reading.find_own(connection, principal, reference, lock=True)
        if task.state.is_final or task.cancel_requested:
            return task
        facts = [NewEvent("cancel_requested", {"reason": reason}, _owner(principal))]
        values: dict[str, Any] = {"cancel_requested": True}
        if task.state is not State.RUNNING:
            facts.append(NewEvent("finished", {"state": State.CANCELLED, "error": None}))
            values |= {
                "state": State.CANCELLED,
                "input_requests": None,
                "finished_at": now,
                "expires_at": task.kept_until(now, retention_s),
            }
        return await _changed(connection, principal, task, facts, now, **values)


async def remove(
    database: Database,
    principal: Principal,
    reference: str,
    expected_revisions: frozenset[int] | None,
) -> Task:
    """Delete a `created` or final task with its events and logs; return it as it was.

    Raises:
        TaskActive: it is neither. See also `update`.
    """
    async with database.write() as connection:
        task = await reading.find_own(connection, principal, reference, lock=True)
        _check_revision(task, expected_revisions)
        if task.state is not State.CREATED and not task.state.is_final:
            raise TaskActive(
                f"A task that is {task.state} cannot be deleted", next_step="Cancel it first."
            )
        await connection.execute(delete(tasks).where(tasks.c.id == task.id))
        return task


async def decide(
    database: Database,
    principal: Principal,
    reference: str,
    decision: Decision,
    digest: str,
    reason: str | None,
    retention_s: float,
    begin: Start,
) -> Task:
    """Approve or reject a task that awaits it; repeating a decision changes nothing.

    An approved task goes on as `begin` says.

    Raises:
        DigestMismatch: the decision was made about another version of the command.
        TaskNotEditable: the task awaits no decision, or the other one was made.
    """
    now = clock.now()
    async with database.write() as connection:
        task = await reading.find(connection, principal, reference, lock=True)
        if task.approval is not None and task.approval.decision == decision:
            return task
        if task.state is not State.AWAITING_APPROVAL or task.approval is None:
            raise TaskNotEditable(f"The task is {task.state} and awaits no decision")
        if digest != task.approval.digest:
            raise DigestMismatch(
                f"The task awaits a decision about {task.approval.digest}, not {digest}",
                next_step="Read the task again and decide about what it says now.",
            )
        approval = wire.approval(task.approval) | {
            "decision": decision,
            "decided_by": wire.owner(_owner(principal)),
            "decided_at": clock.rfc3339(now),
            "reason": reason,
        }
        facts = [NewEvent(decision, {"reason": reason}, _owner(principal))]
        if decision == "approved":
            facts += begin.facts(None, "approved")
            values = begin.values(now)
        else:
            error = asdict(
                TaskError("approval_rejected", reason or "The approver rejected the task")
            )
            facts.append(NewEvent("finished", {"state": State.FAILED, "error": error}))
            values = {
                "state": State.FAILED,
                "error": error,
                "finished_at": now,
                "expires_at": task.kept_until(now, retention_s),
            }
        return await _changed(connection, principal, task, facts, now, approval=approval, **values)


async def sweep(database: Database, retention_s: float, limit: int = 100) -> list[Task]:
    """Do what is due at this moment: give up what waited too long, delete what was kept long enough.

    Returns the changed tasks as they were, at most `limit`; call again when it is full.
    """
    now = clock.now()
    changed: list[Task] = []
    async with database.write() as connection:
        due = await connection.execute(
            reading.select_tasks(now)
            .where(tasks.c.expires_at <= now)
            .order_by(tasks.c.expires_at)
            .limit(limit)
            .with_for_update(of=tasks, skip_locked=True)
        )
        for task in [rows.task(row) for row in due]:
            if task.state.is_final:
                await connection.execute(delete(tasks).where(tasks.c.id == task.id))
            elif task.state in _GIVEN_UP:
                await _give_up(connection, task, now, retention_s)
            changed.append(task)
    return changed


async def _give_up(
    connection: AsyncConnection, task: Task, now: datetime, retention_s: float
) -> None:
    error = TaskError(*_GIVEN_UP[task.state], attempt=task.attempt or None)
    await move(
        connection,
        task.id,
        tasks.c.revision == task.revision,
        [NewEvent("finished", {"state": State.FAILED, "error": asdict(error)})],
        now,
        state=State.FAILED,
        error=asdict(error),
        input_requests=None,
        finished_at=now,
        expires_at=task.kept_until(now, retention_s),
    )
