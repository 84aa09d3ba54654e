"""Reads for streams: a few at a time, and one for all who ask for the same before it begins."""

from typing import Final

import anyio

from errandry.principal import Principal
from errandry.tasks.model import Task
from errandry.tasks.sql import reading
from errandry.tasks.sql.database import Database

_AT_ONCE: Final = 2
"""So many streams look at once; the others of the database's readers are left to who asks."""


class Looks:
    """The `turns` of streams. When a task changes, all streams of its owner ask for it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.turns = anyio.Semaphore(_AT_ONCE)
        self._begun = 0
        self._latest: dict[tuple[Principal, frozenset[str], str], tuple[int, Task]] = {}

    async def task(self, caller: Principal, task_id: str) -> Task:
        """Return a task as some read has found it that began after this call. See `reading.get`."""
        key, asked = (caller, caller.scopes, task_id), self._begun
        async with self.turns:
            known = self._latest.get(key)
            if known is None or known[0] <= asked:
                self._begun = number = self._begun + 1
                known = number, await reading.get(self._database, caller, task_id)
                self._latest[key] = known
            if not self.turns.statistics().tasks_waiting:
                self._latest.clear()
            return known[1]
