"""Use cases of tasks that are there: change, cancel, delete, read."""

from dataclasses import dataclass

from errandry.commands.concurrency import key_of
from errandry.commands.model import Command
from errandry.principal import Principal
from errandry.service.decisions import APPROVER
from errandry.service.forms import MAX_EVENT, ListTasks, ReadEvents, UpdateTask
from errandry.service.news import News
from errandry.service.snapshots import checked, snapshot
from errandry.tasks import cursor
from errandry.tasks.model import Attempt, Event, State, Task
from errandry.tasks.sql import changing, reading
from errandry.tasks.sql.database import Database


@dataclass(frozen=True, slots=True)
class TaskService:
    """Tasks, for callers with the right scopes."""

    database: Database
    news: News
    retention_s: float

    async def update(
        self,
        caller: Principal,
        reference: str,
        form: UpdateTask,
        expected_revisions: frozenset[int] | None,
    ) -> Task:
        """Set the fields that the form names. See `changing.update` for what is refused."""
        caller.require("tasks:write")
        fields = {name: getattr(form, name) for name in form.model_fields_set}
        derived = {}
        if "arguments" in fields:
            task = await reading.get_own(self.database, caller, reference)
            if task.state is State.CREATED:  # else the store refuses, and says why
                command = await snapshot(self.database, task)
                fields["arguments"] = checked(command, form.arguments)
                derived["concurrency_key"] = key_of(command, fields["arguments"])
        task = await changing.update(
            self.database, caller, reference, fields, expected_revisions, **derived
        )
        self.news.tell(task)
        return task

    async def cancel(self, caller: Principal, reference: str, reason: str | None) -> Task:
        """End a task, or when it runs ask for its end. A final one stays as it is."""
        caller.require("tasks:write")
        task = await changing.cancel(self.database, caller, reference, reason, self.retention_s)
        self.news.tell(task)
        return task

    async def delete(
        self, caller: Principal, reference: str, expected_revisions: frozenset[int] | None
    ) -> None:
        """Delete a `created` or final task with its history and log."""
        caller.require("tasks:write")
        task = await changing.remove(self.database, caller, reference, expected_revisions)
        self.news.bus.publish(task.id, task.owner)

    async def command(self, task: Task) -> Command:
        """Return the version of its command that a task was made with; the caller may see the task."""
        return await snapshot(self.database, task)

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
            caller.require("admin", APPROVER)
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
        after = int(cursor.decode(wanted.cursor, int)[0]) if wanted.cursor else wanted.after
        after = min(after, MAX_EVENT)
        found, more = await reading.list_events(
            self.database, caller, reference, wanted.limit, after
        )
        return found, cursor.encode(found[-1].seq) if more else None


def _require_read(caller: Principal) -> None:
    """An approver reads too, but what the store's filter lets it see."""
    caller.require("tasks:read", APPROVER)
