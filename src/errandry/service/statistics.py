"""How commands have fared, a few seconds old at most."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from errandry import clock
from errandry.commands.stats import Stats
from errandry.tasks import statistics
from errandry.tasks.model import State, Task
from errandry.tasks.sql import runs
from errandry.tasks.sql.database import Database

KEEP_S: Final = 3.0
MOST_INTERVALS: Final = 4096


class Statistics:
    """Statistics of commands by name, over all owners; no scope is asked.

    `now` is a monotonic clock in seconds.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now = now
        self._known: dict[str, tuple[float, Stats]] = {}
        self._intervals: dict[str, tuple[int, int]] = {}

    async def of(self, commands: Iterable[str]) -> dict[str, Stats]:
        """Return the statistics of these commands, at most `KEEP_S` seconds old."""
        wanted, now = list(commands), self._now()
        old = [name for name in wanted if self._known.get(name, (0.0,))[0] <= now]
        if old:
            found = await runs.latest(self._database, old)
            for name, of_command in found.items():
                self._known[name] = now + KEEP_S, statistics.summary(of_command)
        return {name: self._known[name][1] for name in wanted}

    async def poll_after_ms(self, task: Task) -> int:
        """Return the milliseconds after which another look at the task pays; see `tasks.statistics`."""
        return statistics.poll_after_ms(task, await self._p50_s(task), clock.now())

    async def poll_interval_ms(self, task: Task) -> int:
        """Return how often a look at the task pays; it stays as long as the task does.

        See `tasks.statistics`. What is forgotten here, in time or with the process, is reckoned anew.
        """
        revision, interval_ms = self._intervals.get(task.id, (0, 0))
        if revision != task.revision:
            interval_ms = statistics.poll_interval_ms(task.state, await self._p50_s(task))
            if len(self._intervals) >= MOST_INTERVALS:
                self._intervals.clear()
            self._intervals[task.id] = (task.revision, interval_ms)
        return interval_ms

    async def _p50_s(self, task: Task) -> float | None:
        if task.state not in (State.QUEUED, State.RUNNING):
            return None
        return (await self.of([task.command]))[task.command].p50_s
