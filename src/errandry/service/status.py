"""The live status of a task, from its row, or from a cache that is fresh enough."""

import time
from dataclasses import dataclass
from typing import Literal

from errandry.principal import Principal
from errandry.service.cached import CachedStatuses, Document
from errandry.service.forms import ReadStatus
from errandry.service.statistics import Statistics
from errandry.service.watching import Watching
from errandry.tasks import wire


@dataclass(frozen=True, slots=True)
class Status:
    """A status in its form on the wire, and where it came from."""

    document: Document
    source: Literal["cache", "database"]


@dataclass(frozen=True, slots=True)
class StatusService:
    """Statuses, for whoever may see the task."""

    watching: Watching
    statistics: Statistics
    cached: CachedStatuses

    async def read(self, caller: Principal, reference: str, wanted: ReadStatus) -> Status:
        """Return the status of a task; who waits for a change is answered from the row.

        Raises:
            TaskNotFound, AmbiguousAlias: there is no such task for the caller.
        """
        caller.require("tasks:read", "tasks:approve")
        if not wanted.wait and (known := await self.cached.find(caller, reference)):
            return Status(known, "cache")
        read_at = time.monotonic()
        task = await self.watching.status(caller, reference, wanted)
        document = wire.status(task, await self.statistics.poll_after_ms(task))
        if wanted.wait:  # nobody hears less afterwards than is said now
            await self.cached.cache.forget([task.id])
        else:
            await self.cached.keep(task, document, read_at)
        return Status(document, "database")
