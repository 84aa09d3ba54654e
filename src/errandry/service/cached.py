"""Statuses in the cache: made of rows, shown to whose tasks they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from errandry import clock
from errandry.errors import Unavailable
from errandry.principal import Principal
from errandry.service.statistics import Statistics
from errandry.status.cache import CachedStatus, StatusCache
from errandry.tasks import ids, wire
from errandry.tasks.model import Owner, Task

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CachedStatuses:
    """What the cache says of tasks; `cache` decides what it believes and for how long."""

    cache: StatusCache
    statistics: Statistics

    async def find(self, caller: Principal, reference: str) -> Document | None:
        """Return the status of a task of the caller's (an admin: of any), None to ask the database.

        Nobody is refused anything here: of what is not theirs the database tells, as of an alias.
        """
        if not ids.is_id(reference):
            return None
        known = await self.cache.get(reference)
        if known is None or not (caller.is_admin or known.owner == Owner(caller.iss, caller.sub)):
            return None
        return known.status

    async def keep(self, task: Task, status: Document, read_at: float) -> None:
        """Keep the status of a task whose row was read after `read_at` (monotonic)."""
        if not self.cache.is_up:
            return
        at_ms = int(clock.now().timestamp() * 1000)
        known = CachedStatus(owner=task.owner, at_ms=at_ms, status=status)
        await self.cache.put(task.id, known, read_at)

    async def renew(self, task: Task, read_at: float) -> None:
        """Replace what is known of a task that has changed; without a cache do nothing."""
        if not self.cache.is_up:
            return
        try:
            poll_after_ms = await self.statistics.poll_after_ms(task)
        except Unavailable:  # the change is committed all the same
            await self.cache.forget([task.id])
            return
        await self.keep(task, wire.status(task, poll_after_ms), read_at)
