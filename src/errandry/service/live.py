"""What happens, as it happens: the stream of one task, and that of all tasks of a caller.

The bus says when to look, the rows say what is true. A stream looks when its reader has taken what
the last look found, so a slow reader holds up nobody and makes nothing grow.
"""

import math
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from errandry.errors import TaskNotFound, Unavailable
from errandry.principal import Principal
from errandry.service.decisions import APPROVER
from errandry.service.following import Follower, log_position
from errandry.service.forms import ReadEvents
from errandry.service.frames import RESYNC, Frame
from errandry.service.looks import Looks
from errandry.service.statistics import Statistics
from errandry.status.bus import MOST_CHANGED, StatusBus
from errandry.tasks import wire
from errandry.tasks.model import Owner, Progress, Task
from errandry.tasks.sql import reading
from errandry.tasks.sql.database import Database

_LOOK_AGAIN_S: Final = 2.0
"""A wake-up may get lost; nobody waits longer than this for one."""

Frames = AsyncGenerator[Frame]


@dataclass(frozen=True, slots=True)
class Live:
    """Streams. They end when their task does, and when the database does not answer."""

    database: Database
    bus: StatusBus
    statistics: Statistics
    looks: Looks

    async def task(self, caller: Principal, reference: str, wanted: ReadEvents) -> Frames:
        """Return the stream of a task: events after `wanted.after`, progress, and if wanted its log.

        Raises:
            TaskNotFound, AmbiguousAlias: there is no such task for the caller.
            InvalidField: `log_cursor` is no cursor of the log of this task.
        """
        caller.require("tasks:read", APPROVER)
        task = await reading.get(self.database, caller, reference)
        position = log_position(wanted.log_cursor, task) if wanted.logs else None
        follower = Follower(self.database, self.statistics, caller, task.id, wanted.after, position)
        return self._follow(follower)

    async def _follow(self, follower: Follower) -> Frames:
        with self.bus.subscribe([follower.task_id]) as subscription, suppress(*_ENDS):
            while True:
                async with self.looks.turns:
                    news = await follower.look()
                for frame in news:
                    yield frame
                if follower.is_done:
                    return
                if follower.has_all:
                    await subscription.wait(_LOOK_AGAIN_S)

    def tasks(self, caller: Principal) -> Frames:
        """Return the stream of the caller's tasks (an admin's: of all): `resync`, then what changes.

        Another `resync` says that more has changed than the reader could be told of.
        """
        caller.require("tasks:read")
        return self._changes(caller)

    async def _changes(self, caller: Principal) -> Frames:
        owner = None if caller.is_admin else Owner(caller.iss, caller.sub)
        shown = _Shown()
        with self.bus.changes(owner) as changes, suppress(Unavailable):
            yield RESYNC
            while await changes.wait(math.inf):
                changed = changes.take()
                for task_id in changed or ():
                    try:
                        task = await self.looks.task(caller, task_id)
                    except TaskNotFound:
                        changed = None  # deleted, which no task can say
                        continue
                    if shown.is_news(task):
                        yield Frame("task", wire.concise(task))
                if changed is None:
                    yield RESYNC


_ENDS: Final = (TaskNotFound, Unavailable)
"""What ends a stream: the task was deleted, or is to be asked for again later."""


class _Shown:
    """What a reader knows of the tasks that it was told of last, so that it is not told twice."""

    def __init__(self) -> None:
        self._marks: dict[str, tuple[int, Progress | None]] = {}

    def is_news(self, task: Task) -> bool:
        """Whether the task has changed in what is shown of it; from now on it is known."""
        mark = (task.revision, task.progress)
        if self._marks.get(task.id) == mark:
            return False
        if len(self._marks) >= MOST_CHANGED:
            self._marks.clear()
        self._marks[task.id] = mark
        return True
