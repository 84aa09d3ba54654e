"""Waiting for tasks: the bus says when to look, the rows say what is true."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from errandry.errors import TaskNotFound
from errandry.principal import Principal
from errandry.service.forms import ReadStatus
from errandry.status.bus import StatusBus
from errandry.tasks.model import Task
from errandry.tasks.sql import reading
from errandry.tasks.sql.database import Database

_LOOK_AGAIN_S: Final = 2.0
"""A wake-up may get lost; nobody waits longer than this for one."""

Met = Callable[[Sequence[Task]], bool]
OnChange = Callable[[Sequence[Task]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Watching:
    """Long polls and inline waits."""

    database: Database
    bus: StatusBus

    async def status(self, caller: Principal, reference: str, wanted: ReadStatus) -> Task:
        """Return a task once its revision is newer than asked for, or when the wait is over."""
        caller.require("tasks:read", "tasks:approve")
        task = await reading.get(self.database, caller, reference)
        known = task.revision if wanted.revision is None else wanted.revision
        if not wanted.wait or task.revision > known:
            return task
        (task,) = await self.until(
            caller, [task.id], lambda tasks: tasks[0].revision > known, wanted.wait
        )
        return task

    async def find(self, caller: Principal, references: Sequence[str]) -> list[Task]:
        """Return these tasks in their order.

        Raises:
            TaskNotFound: some are unknown; the error names them all.
        """
        found: list[Task] = []
        unknown: list[str] = []
        for reference in references:
            try:
                found.append(await reading.get(self.database, caller, reference))
            except TaskNotFound:
                unknown.append(reference)
        if unknown:
            raise TaskNotFound(
                f"No such task: {', '.join(unknown)}",
                next_step="Leave them out, or list your tasks to see their ids and aliases.",
                unknown=unknown,
            )
        return found

    async def until(
        self,
        caller: Principal,
        task_ids: Sequence[str],
        met: Met,
        seconds: float,
        on_change: OnChange | None = None,
    ) -> list[Task]:
        """Return the tasks once `met` holds for them, or as they are after `seconds`.

        `on_change` is called with the tasks at the start and after each wake-up.
        """
        end = time.monotonic() + seconds
        with self.bus.subscribe(task_ids) as subscription:
            while True:
                tasks = await self.find(caller, task_ids)
                left = end - time.monotonic()
                if left <= 0 or met(tasks):
                    return tasks
                if on_change is not None:
                    await on_change(tasks)
                await subscription.wait(min(left, _LOOK_AGAIN_S))
