"""PgQueuer's statements, but a worker picks no more than it can start at once.

By itself PgQueuer picks at least twice a batch: a worker with one slot would sit on a second task.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter


class RoomQueries(Queries):
    """Sees no work while there is no room for it; `room` says how many more may start now."""

    room: Callable[[], int]
    picked = 0
    """Jobs on their way from here to the end of their handler, which counts them down."""

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """Pick as many as there is room for."""
        wanted = max(0, min(batch_size, self.room()))
        jobs: Sequence[Job] = []
        self.picked += wanted
        try:
            if wanted:
                jobs = await super().dequeue(
                    wanted,
                    entrypoints,
                    queue_manager_id,
                    global_concurrency_limit,
                    heartbeat_timeout,
                )
        finally:
            self.picked -= wanted - len(jobs)
        return list(jobs)

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """Return how many jobs there are."""
        return await super().queued_work(entrypoints) if self.room() > 0 else 0

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """Return how many jobs are due."""
        return await super().eligible_queued_work(entrypoints) if self.room() > 0 else 0

    async def next_deferred_eta(self, entrypoints: list[QueueEntrypoint]) -> timedelta | None:
        """Return when the next one is."""
        return await super().next_deferred_eta(entrypoints) if self.room() > 0 else None
