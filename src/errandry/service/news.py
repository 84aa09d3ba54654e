"""Telling who waits: the bus for watchers, the delivery for what is due, the cache for who asks."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from errandry.service.cached import CachedStatuses
from errandry.status.bus import StatusBus
from errandry.tasks.model import State, Task


@dataclass(frozen=True, slots=True)
class News:
    """What is to be done after a change of a task was committed; `wake` is the delivery's."""

    bus: StatusBus
    wake: Callable[[], None]
    cached: CachedStatuses

    async def tell(self, task: Task) -> None:
        """Wake who watches the task, and the delivery if it is queued; bring the cache up to date."""
        read_at = time.monotonic()
        self.bus.publish(task.id, task.owner, outdated=False)
        if task.state is State.QUEUED:
            self.wake()
        with anyio.CancelScope(shield=True):
            await self.cached.renew(task, read_at)

    async def tell_gone(self, task: Task) -> None:
        """Wake who watches a task that was deleted."""
        self.bus.publish(task.id, task.owner, outdated=False)
        with anyio.CancelScope(shield=True):
            await self.cached.cache.forget([task.id])
