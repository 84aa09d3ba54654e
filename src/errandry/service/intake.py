"""Use cases of taking tasks in: make one, start it, repeat it."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from errandry import clock
from errandry.commands.approval import approver
from errandry.commands.concurrency import key_of
from errandry.commands.model import Command
from errandry.errors import ErrandryError, TaskActive
from errandry.jsontext import canonical
from errandry.principal import LOCAL_ISSUER, Principal
from errandry.service.answers import answered
from errandry.service.commands import CommandService
from errandry.service.forms import CreateTask, RetryTask
from errandry.service.news import News
from errandry.service.snapshots import checked, snapshot
from errandry.service.starting import start_of
from errandry.tasks import questions
from errandry.tasks.model import State, Task
from errandry.tasks.sql import accept, changing, reading
from errandry.tasks.sql.accept import Accepted, NewTask
from errandry.tasks.sql.database import Database


@dataclass(frozen=True, slots=True)
class Intake:
    """New tasks, and their start, for callers who may write tasks.

    `queue_limit` is how many unfinished tasks that do not run a principal of another issuer than the
    local one may have, None = any number.
    `outcomes` counts what became of the calls that make one: `created`, `replayed`, or the code of
    the refusal.
    """

    database: Database
    commands: CommandService
    news: News
    queue_limit: int | None = None
    outcomes: Counter[str] = field(default_factory=Counter)

    async def create(
        self,
        caller: Principal,
        form: CreateTask,
        key: str | None = None,
        content: Mapping[str, Any] | None = None,
        *,
        tool: str | None = None,
    ) -> Accepted:
        """Take a task in, and with `form.execute` start it; its history names the `tool` if given.

        `content` is the answer to the form of its command (`ask`), for who was asked beforehand; it
        is no part of the request that the key belongs to.

        Raises:
            CommandNotFound, InvalidArguments: nothing was stored.
            InvalidCommand: the command needs what this server cannot do.
            IdempotencyConflict: the key belongs to another request.
            TooManyRequests: the caller has as many waiting tasks as it may have; nothing was stored.
        """
        return await self._counted(self._create(caller, form, key, content, tool))

    async def _create(
        self,
        caller: Principal,
        form: CreateTask,
        key: str | None,
        content: Mapping[str, Any] | None,
        tool: str | None,
    ) -> Accepted:
        caller.require("tasks:write")
        request_hash = _hash(form.model_dump(mode="json", exclude={"expires_in_s"}))
        if known := await accept.known(self.database, caller, key, request_hash):
            return known  # whatever has become of its command since
        command = self.commands.find(form.command)
        run_at = form.run_at
        if form.delay_s is not None:
            run_at = clock.after(clock.now(), form.delay_s)
        return await self._accept(
            caller,
            command,
            checked(command, form.arguments),
            request_hash,
            key=key,
            execute=form.execute,
            title=form.title,
            labels=form.labels,
            priority=form.priority,
            run_at=run_at,
            expires_in_s=form.expires_in_s,
            content=content,
            tool=tool,
        )

    async def retry(
        self, caller: Principal, reference: str, form: RetryTask, key: str | None = None
    ) -> Accepted:
        """Run a final task again as a new one, with its own command version or the current one.

        Raises:
            TaskActive: the task is not final yet. See also `create`.
        """
        return await self._counted(self._retry(caller, reference, form, key))

    async def _retry(
        self, caller: Principal, reference: str, form: RetryTask, key: str | None
    ) -> Accepted:
        caller.require("tasks:write")
        task = await reading.get_own(self.database, caller, reference)
        request_hash = _hash(["retry", task.id, form.model_dump(mode="json")])
        if known := await accept.known(self.database, caller, key, request_hash):
            return known
        if not task.state.is_final:
            raise TaskActive(
                f"A task that is {task.state} cannot be repeated",
                next_step="Wait until it is final, or cancel it first.",
            )
        if form.version == "current":
            command = self.commands.find(task.command)
        else:
            command = await snapshot(self.database, task)
        sent = dict(task.arguments) if form.arguments is None else form.arguments
        return await self._accept(
            caller,
            command,
            checked(command, sent),
            request_hash,
            key=key,
            execute=True,
            title=task.title,
            labels=task.labels,
            priority=task.priority,
            expires_in_s=task.expires_in_s,
            retry_of=task.id,
        )

    async def _counted(self, taking: Awaitable[Accepted]) -> Accepted:
        try:
            accepted = await taking
        except ErrandryError as error:
            self.outcomes[error.code] += 1
            raise
        self.outcomes["replayed" if accepted.replayed else "created"] += 1
        return accepted

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
        content: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Accepted:
        memory = None if content is None else answered(command, arguments, content)
        new = NewTask(
            command=command.name,
            digest=command.digest,
            document=command.document,
            arguments=arguments,
            request_hash=request_hash,
            max_attempts=command.retry.max_attempts,
            on_crash=command.on_crash,
            keep_s=command.ttl_s,
            concurrency_key=key_of(command, questions.filled(arguments, memory or {})),
            concurrency_limit=command.concurrency.limit if command.concurrency else None,
            idempotency_key=key,
            run_at=run_at,
            expires_in_s=expires_in_s,
            start=start_of(
                command, run_at, expires_in_s, memory or {}, approver(command, arguments)
            )
            if execute
            else None,
            questions=memory,
            **fields,
        )
        limit = None if caller.iss == LOCAL_ISSUER else self.queue_limit
        accepted = await accept.accept(self.database, caller, new, limit)
        if not accepted.replayed:
            self.news.tell(accepted.task)
        return accepted

    async def execute(self, caller: Principal, reference: str) -> tuple[Task, bool]:
        """Start a `created` task; return it and whether this call did it.

        Raises:
            TaskNotFound, AmbiguousAlias: there is no such task for the caller.
            InvalidCommand: the command needs what this server cannot do.
        """
        caller.require("tasks:write")
        task = await reading.get_own(self.database, caller, reference)
        if task.state is not State.CREATED:
            return task, False
        command = await snapshot(self.database, task)
        by = approver(command, task.arguments)
        begin = start_of(command, task.run_at, task.expires_in_s, task.questions, by)
        task, started = await changing.execute(self.database, caller, task.id, begin)
        self.news.tell(task)
        return task, started


def _hash(request: Any) -> str:
    return hashlib.sha256(canonical(request).encode()).hexdigest()
