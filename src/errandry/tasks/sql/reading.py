"""What a principal may see. Every query on tasks goes through `visible_to`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    false,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry import clock
from errandry.errors import AmbiguousAlias, NotPermitted, TaskNotFound
from errandry.principal import Principal
from errandry.tasks import cursor, ids
from errandry.tasks.model import Attempt, Event, State, Task
from errandry.tasks.sql import queue, rows
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.tables import UtcTime, attempts, command_versions, events, tasks

_WIDENING: Final = frozenset({"admin", "tasks:approve"})
"""The scopes that `visible_to` asks for."""


def owned_by(principal: Principal, table: FromClause = tasks) -> ColumnElement[bool]:
    """The filter of a principal's own tasks."""
    return and_(table.c.owner_iss == principal.iss, table.c.owner_sub == principal.sub)


def visible_to(principal: Principal, table: FromClause = tasks) -> ColumnElement[bool]:
    """Return the filter of what a principal may see.

    Everybody sees their own tasks; an approver also those that await a decision or had its own;
    an admin everything.
    """
    if principal.is_admin:
        return true()
    if not principal.may("tasks:approve"):
        return owned_by(principal, table)
    decided = table.c.approval["decided_by"]
    mine = and_(
        decided["iss"].as_string() == principal.iss, decided["sub"].as_string() == principal.sub
    )
    return or_(owned_by(principal, table), table.c.state == State.AWAITING_APPROVAL, mine)


def select_tasks(now: queue.Moment, principal: Principal | None = None) -> Select[Any]:
    """Select whole tasks, as `rows.task` reads them; a principal is shown whom they wait for."""
    seen = visible_to(principal, queue.holder) if principal else false()
    return select(
        tasks,
        queue.position(now).label("queue_position"),
        queue.holders(now).label("holders"),
        queue.holder_aliases(now, seen).label("holder_aliases"),
    )


async def find(
    connection: AsyncConnection, principal: Principal, reference: str, *, lock: bool = False
) -> Task:
    """Return the task of an id or alias inside the caller's transaction, which may `lock` its row.

    An alias is looked for among the caller's own tasks first, then among all that it may see.

    Raises:
        TaskNotFound: there is none, or it is not the caller's to see: the same answer.
        AmbiguousAlias: several owners have a task of that alias.
    """
    scopes = principal.scopes & _WIDENING
    given = {
        "now": clock.now(),
        "reference": reference,
        "iss": principal.iss,
        "sub": principal.sub,
    }
    if ids.is_id(reference):
        query = _one(scopes, "id", "visible", lock=lock)
        found = await connection.execute(query, given)
        if row := found.first():
            return rows.task(row)
        raise not_found()
    for whose in ("own", "visible"):
        query = _one(scopes, "alias", whose, lock=lock)
        matches = (await connection.execute(query, given)).all()
        if len(matches) == 1:
            return rows.task(matches[0])
        if matches:
            raise AmbiguousAlias(
                f'{len(matches)} tasks have the alias "{reference}"',
                next_step="Use one of the ids.",
                matches=[row.id for row in matches],
            )
    raise not_found()


@cache
def _one(scopes: frozenset[str], name: str, whose: str, *, lock: bool) -> Select[Any]:
    """Select the task of a `reference` at the time `now` for `iss` and `sub`, who hold these scopes.

    Building a statement costs more than running it, so each is built once, for all principals.
    """
    principal = Principal(_place("iss"), _place("sub"), scopes)
    seen = owned_by(principal) if whose == "own" else visible_to(principal)
    query = select_tasks(bindparam("now", type_=UtcTime), principal)
    query = query.where(tasks.c[name] == bindparam("reference"), seen)
    return query.with_for_update(of=tasks) if lock else query


def _place(name: str) -> str:
    """Stand for a text that is given when the statement runs."""
    return cast("str", bindparam(name, type_=String()))


async def find_own(
    connection: AsyncConnection, principal: Principal, reference: str, *, lock: bool = False
) -> Task:
    """Return a task that the principal may change: its own one, or any for an admin; see `find`.

    Raises:
        NotPermitted: the principal sees the task, because it may decide about it, and no more.
    """
    task = await find(connection, principal, reference, lock=lock)
    if not principal.is_admin and (task.owner.iss, task.owner.sub) != (
        principal.iss,
        principal.sub,
    ):
        raise NotPermitted(
            "Only its owner, or an admin, may do this with the task",
            next_step="Approve or reject it instead.",
            required_scopes=["admin"],
        )
    return task


def not_found() -> TaskNotFound:
    """The one answer for unknown and foreign tasks."""
    return TaskNotFound("Task not found", next_step="List your tasks to see their ids and aliases.")


async def get(database: Database, principal: Principal, reference: str) -> Task:
    """Return one task; see `find`."""
    async with database.read() as connection:
        return await find(connection, principal, reference)


async def get_own(database: Database, principal: Principal, reference: str) -> Task:
    """Return one task that the principal may change; see `find_own`."""
    async with database.read() as connection:
        return await find_own(connection, principal, reference)


async def get_with_attempts(
    database: Database, principal: Principal, reference: str
) -> tuple[Task, list[Attempt]]:
    """Return one task and its attempts, the first first; see `find`."""
    async with database.read() as connection:
        task = await find(connection, principal, reference)
        found = await connection.execute(
            select(attempts).where(attempts.c.task_id == task.id).order_by(attempts.c.attempt)
        )
        return task, [rows.attempt(row) for row in found]


async def active(database: Database) -> bool:
    """Whether any task is queued, running or waiting for a person."""
    states = (State.QUEUED, State.RUNNING, State.AWAITING_APPROVAL, State.INPUT_REQUIRED)
    async with database.read() as connection:
        found = await connection.execute(
            select(tasks.c.id).where(tasks.c.state.in_(states)).limit(1)
        )
        return found.first() is not None


async def document(database: Database, digest: str) -> dict[str, Any]:
    """Return the definition of a command as a task keeps it."""
    async with database.read() as connection:
        query = select(command_versions.c.document).where(command_versions.c.digest == digest)
        found: dict[str, Any] = (await connection.execute(query)).scalar_one()
        return found


ANY_OWNER: Final = "*"


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a list shows.

    `states` are alternatives, `labels` (key, value) must all be there; `owner` is None for the
    caller's own, a `sub`, or `ANY_OWNER` for all that the caller may see.
    """

    states: Sequence[State] = ()
    labels: Sequence[tuple[str, str]] = ()
    command: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    owner: str | None = None

    def conditions(self, principal: Principal) -> list[ColumnElement[bool]]:
        """The filter in SQL, for this caller."""
        wanted = [visible_to(principal)]
        if self.owner is None:
            wanted.append(owned_by(principal))
        elif self.owner != ANY_OWNER:
            wanted.append(tasks.c.owner_sub == self.owner)
        if self.states:
            wanted.append(tasks.c.state.in_(self.states))
            if not any(state.is_final for state in self.states):
                wanted.append(tasks.c.finished_at.is_(None))  # what the index of those asks for
        wanted += [tasks.c.labels[key].as_string() == value for key, value in self.labels]
        if self.command is not None:
            wanted.append(tasks.c.command == self.command)
        if self.since is not None:
            wanted.append(tasks.c.created_at >= self.since)
        if self.until is not None:
            wanted.append(tasks.c.created_at < self.until)
        if self.text:
            columns = (tasks.c.title, tasks.c.alias, tasks.c.command)
            wanted.append(
                or_(*(column.icontains(self.text, autoescape=True) for column in columns))
            )
        return wanted


async def list_tasks(
    database: Database, principal: Principal, wanted: TaskFilter, limit: int, after: str | None
) -> tuple[list[Task], str | None]:
    """Return up to `limit` tasks, newest first, and the cursor of the next page or None.

    Raises:
        InvalidField: `after` is no cursor of this list.
    """
    query = select_tasks(clock.now(), principal).where(*wanted.conditions(principal))
    if after is not None:
        created_at, task_id = cursor.decode(after, str, str)
        last = literal(clock.parse_rfc3339(str(created_at)), tasks.c.created_at.type)
        query = query.where(tuple_(tasks.c.created_at, tasks.c.id) < tuple_(last, literal(task_id)))
    query = query.order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(limit + 1)
    async with database.read() as connection:
        found = [rows.task(row) for row in await connection.execute(query)]
    if len(found) <= limit:
        return found, None
    end = found[limit - 1]
    return found[:limit], cursor.encode(clock.rfc3339(end.created_at), end.id)


async def list_events(
    database: Database, principal: Principal, reference: str, limit: int, after: int
) -> tuple[list[Event], bool]:
    """Return up to `limit` events numbered above `after`, and whether more follow; see `find`."""
    _, listed = await get_with_events(database, principal, reference, limit + 1, after)
    return listed[:limit], len(listed) > limit


async def get_with_events(
    database: Database, principal: Principal, reference: str, limit: int, after: int
) -> tuple[Task, list[Event]]:
    """Return one task and up to `limit` of its events numbered above `after`; see `find`."""
    async with database.read() as connection:
        task = await find(connection, principal, reference)
        query = select(events).where(events.c.task_id == task.id, events.c.seq > after)
        found = await connection.execute(query.order_by(events.c.seq).limit(limit))
        return task, [rows.event(row) for row in found]
