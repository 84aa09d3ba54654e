"""Use cases of tasks: make, start, change, cancel, repeat, delete, read."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from errandry import clock
from errandry.commands.arguments import check_arguments
from errandry.commands.model import Command
from errandry.commands.snapshots import command_of
from errandry.commands.template import check
from errandry.commands.unsupported import unsupported
from errandry.errors import InvalidCommand, NotPermitted, TaskActive
from errandry.jsontext import canonical
from errandry.principal import Principal
from errandry.service.commands import CommandService
from errandry.service.forms import CreateTask, ListTasks, ReadEvents, RetryTask, UpdateTask
from errandry.status.bus import StatusBus
from errandry.tasks import cursor
from errandry.tasks.model import Attempt, Event, State, Task
from errandry.tasks.sql import accept, changing, reading
from errandry.tasks.sql.accept import Accepted, NewTask
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.start import Start

_APPROVER = "tasks:approve"


@dataclass(frozen=True, slots=True)
class TaskService:
    """Tasks, for callers with the right scopes. `wake` tells the delivery that something is due."""

    database: Database
    commands: CommandService
    bus: StatusBus
    wake: Callable[[], None]
    retention_s: float

    # -- making and starting

    async def create(self, caller: Principal, form: CreateTask, key: str | None = None) -> Accepted:
        """Take a task in, and with `form.execute` start it.

        Raises:
            CommandNotFound, InvalidArguments: nothing was stored.
            InvalidCommand: the command needs what this server cannot do.
            IdempotencyConflict: the key belongs to another request.
        """
        caller.require("tasks:write")
        command = self.commands.find(form.command)
        run_at = form.run_at
        if form.delay_s is not None:
            run_at = clock.after(clock.now(), form.delay_s)
        request = form.model_dump(mode="json", exclude={"expires_in_s"})
        return await self._accept(
            caller,
            command,
            _checked(command, form.arguments),
            _hash(request),
            key=key,
            execute=form.execute,
            title=form.title,
            labels=form.labels,
            priority=form.priority,
            run_at=run_at,
            expires_in_s=form.expires_in_s,
        )

    async def retry(
        self, caller: Principal, reference: str, form: RetryTask, key: str | None = None
    ) -> Accepted:
        """Run a final task again as a new one, with its own command version or the current one.

        Raises:
            TaskActive: the task is not final yet. See also `create`.
        """
        caller.require("tasks:write")
        task = await reading.get(self.database, caller, reference)
        if not task.state.is_final:
            raise TaskActive(
                f"A task that is {task.state} cannot be repeated",
                next_step="Wait until it is final, or cancel it first.",
            )
        if form.version == "current":
            command = self.commands.find(task.command)
        else:
            command = await self._snapshot(task)
        sent = dict(task.arguments) if form.arguments is None else form.arguments
        return await self._accept(
            caller,
            command,
            _checked(command, sent),
            _hash(["retry", task.id, form.model_dump(mode="json")]),
            key=key,
            execute=True,
            title=task.title,
            labels=task.labels,
            priority=task.priority,
            expires_in_s=task.expires_in_s,
            retry_of=task.id,
        )

    async def _accept(
        self,
        caller: Principal,
        command: Command,
        arguments: Mapping[str, Any],
        request_hash: str,
        *,
        key: str | None,
        execute: bool,
        run_at: datetime | None = None,
        expires_in_s: float | None = None,
        **fields: Any,
    ) -> Accepted:
        new = NewTask(
            command=command.name,
            digest=command.digest,
            document=command.document,
            arguments=arguments,
            request_hash=request_hash,
            max_attempts=command.retry.max_attempts,
            on_crash=command.on_crash,
            keep_s=command.ttl_s,
            idempotency_key=key,
            run_at=run_at,
            expires_in_s=expires_in_s,
            start=_start(command, run_at, expires_in_s) if execute else None,
            **fields,
        )
        accepted = await accept.accept(self.database, caller, new)
        if not accepted.replayed:
            self._tell(accepted.task)
        return accepted

    async def execute(self, caller: Principal, reference: str) -> tuple[Task, bool]:
        """Start a `created` task; return it and whether this call did it.

        Raises:
            TaskNotFound, AmbiguousAlias: there is no such task for the caller.
            InvalidCommand: the command needs what this server cannot do.
        """
        caller.require("tasks:write")
        task = await reading.get(self.database, caller, reference)
        if task.state is not State.CREATED:
            return task, False
        command = await self._snapshot(task)
        begin = _start(command, task.run_at, task.expires_in_s)
        task, started = await changing.execute(self.database, caller, task.id, begin)
        self._tell(task)
        return task, started

    # -- changing

    async def update(
        self, caller: Principal, reference: str, form: UpdateTask, expected_revision: int | None
    ) -> Task:
        """Set the fields that the form names. See `changing.update` for what is refused."""
        caller.require("tasks:write")
        fields = {name: getattr(form, name) for name in form.model_fields_set}
        if "arguments" in fields:
            task = await reading.get(self.database, caller, reference)
            if task.state is State.CREATED:  # else the store refuses, and says why
                fields["arguments"] = _checked(await self._snapshot(task), form.arguments)
        task = await changing.update(self.database, caller, reference, fields, expected_revision)
        self._tell(task)
        return task

    async def cancel(self, caller: Principal, reference: str, reason: str | None) -> Task:
        """End a task, or when it runs ask for its end. A final one stays as it is."""
        caller.require("tasks:write")
        task = await changing.cancel(self.database, caller, reference, reason, self.retention_s)
        self._tell(task)
        return task

    async def delete(
        self, caller: Principal, reference: str, expected_revision: int | None
    ) -> None:
        """Delete a `created` or final task with its history and log."""
        caller.require("tasks:write")
        task = await changing.remove(self.database, caller, reference, expected_revision)
        self.bus.publish(task.id)

    async def decide(
        self,
        caller: Principal,
        reference: str,
        decision: changing.Decision,
        digest: str,
        reason: str | None,
    ) -> Task:
        """Approve or reject a task that somebody else asked for.

        Raises:
            NotPermitted: the caller asked for it, or may not approve.
            DigestMismatch, TaskNotEditable: see `changing.decide`.
        """
        caller.require(_APPROVER)
        task = await reading.get(self.database, caller, reference)
        if (task.owner.iss, task.owner.sub) == (caller.iss, caller.sub):
            raise NotPermitted(
                "Nobody approves or rejects what they asked for themselves",
                next_step="Ask somebody else who holds tasks:approve; to withdraw it, cancel the task.",
                required_scopes=[_APPROVER],
            )
        task = await changing.decide(
            self.database, caller, task.id, decision, digest, reason, self.retention_s
        )
        self._tell(task)
        return task

    async def answer(self, caller: Principal, reference: str) -> Task:
        """Answer a task's questions: answers to what is not (or no longer) asked are ignored.

        No command of this release asks, so every answer is one of those.
        """
        caller.require("tasks:write")
        return await reading.get(self.database, caller, reference)

    # -- reading

    async def get(self, caller: Principal, reference: str) -> tuple[Task, list[Attempt]]:
        """Return a task and its attempts."""
        _require_read(caller)
        return await reading.get_with_attempts(self.database, caller, reference)

    async def page(self, caller: Principal, wanted: ListTasks) -> tuple[list[Task], str | None]:
        """Return a page of tasks, newest first, and the cursor of the next page.

        Raises:
            NotPermitted: only an admin or approver looks at other owners.
        """
        _require_read(caller)
        if wanted.owner not in (None, caller.sub):
            caller.require("admin", _APPROVER)
        chosen = reading.TaskFilter(
            states=[State(state) for state in wanted.state],
            labels=[
                (key, value) for key, _, value in (text.partition(":") for text in wanted.label)
            ],
            command=wanted.command,
            since=wanted.since,
            until=wanted.until,
            text=wanted.q,
            owner=wanted.owner,
        )
        return await reading.list_tasks(self.database, caller, chosen, wanted.limit, wanted.cursor)

    async def events(
        self, caller: Principal, reference: str, wanted: ReadEvents
    ) -> tuple[list[Event], str | None]:
        """Return a page of a task's history, oldest first, and the cursor of the next page."""
        _require_read(caller)
        after = int(cursor.decode(wanted.cursor, int)[0]) if wanted.cursor else 0
        found, more = await reading.list_events(
            self.database, caller, reference, wanted.limit, after
        )
        return found, cursor.encode(found[-1].seq) if more else None

    # -- parts

    async def _snapshot(self, task: Task) -> Command:
        return command_of(await reading.document(self.database, task.command_digest))

    def _tell(self, task: Task) -> None:
        self.bus.publish(task.id)
        if task.state is State.QUEUED:
            self.wake()


def _require_read(caller: Principal) -> None:
    """An approver reads too, but what the store's filter lets it see."""
    caller.require("tasks:read", _APPROVER)


def _checked(command: Command, arguments: Mapping[str, Any]) -> dict[str, Any]:
    filled = check_arguments(command.parameters, arguments)
    check(command, filled)
    return filled


def _start(command: Command, run_at: datetime | None, expires_in_s: float | None) -> Start:
    if reason := unsupported(command):
        raise InvalidCommand(
            f'The command "{command.name}" cannot be run by this server: {reason}',
            next_step="Use another command, or take that field out of its definition.",
        )
    person_s = expires_in_s if expires_in_s is not None else command.expires_in_s
    return Start(
        digest=command.digest,
        run_at=run_at,
        approver=_APPROVER if command.approval == "always" else None,
        person_s=person_s,
        queue_s=expires_in_s,
    )


def _hash(request: Any) -> str:
    return hashlib.sha256(canonical(request).encode()).hexdigest()
