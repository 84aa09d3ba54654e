"""Taking back what a dead worker held: after its lease, and when nothing of it is left here.

On one machine a lease is over when it was not renewed for its length on the observer's own clock,
which counts awake time: a laptop may sleep and clocks may jump, and no attempt is taken from a living
worker. On a database that machines share it is over when its clock says so.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from errandry.commands.snapshots import command_of
from errandry.errors import ErrandryError
from errandry.execution.spawner import end_strays, is_free
from errandry.execution.worker import policy_of
from errandry.status.bus import StatusBus
from errandry.tasks.model import TaskError
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import claims, endings
from errandry.tasks.sql.claims import Running
from errandry.tasks.sql.database import Database

_log = logging.getLogger(__name__)

LOCK_NAME: Final = "lock"
"""The file in a worker's folder that its spawner and keepers hold while they live."""


class Recovery:
    """Watches the attempts of workers; on a shared database also our own, which we may have lost.

    Args:
        worker: the name of our own.
        folders: where each worker of this machine has a folder of its name.
        on_free: called when an attempt was taken back: its task, or another of its key, may start.
    """

    def __init__(
        self,
        database: Database,
        bus: StatusBus,
        worker: str,
        folders: Path,
        *,
        lease_s: float,
        retention_s: float,
        on_free: Callable[[], None],
    ) -> None:
        self._database = database
        self._bus = bus
        self._worker = worker
        self._folders = folders
        self._lease_s = lease_s
        self._retention_s = retention_s
        self._on_free = on_free
        self._seen: dict[tuple[str, int], tuple[datetime | None, float]] = {}
        self.taken_back = 0

    async def look(self) -> None:
        """Take back every attempt whose lease is over and of which nothing is left."""
        for each in await self._expired():
            if await self._nothing_is_left(each):
                await self._give_up(each)
        await self._tidy()

    async def _expired(self) -> list[Running]:
        if self._database.is_shared:
            return await claims.expired(self._database)
        held = await claims.held_by_others(self._database, self._worker)
        now = time.monotonic()
        self._seen = {(each.task_id, each.attempt): self._since(each, now) for each in held}
        return [
            each
            for each in held
            if now - self._seen[each.task_id, each.attempt][1] >= self._lease_s
        ]

    def _since(self, running: Running, now: float) -> tuple[datetime | None, float]:
        """Since when (monotonic) the lease has had the value that it has."""
        lease, since = self._seen.get((running.task_id, running.attempt), (None, now))
        return (lease, since) if lease == running.lease_until else (running.lease_until, now)

    async def _nothing_is_left(self, running: Running) -> bool:
        # A worker elsewhere has no folder here, and our own keepers live as long as we do.
        lock = self._folders / running.worker / LOCK_NAME
        if running.worker != self._worker and not is_free(lock):
            return False
        marks = {"ERRANDRY_TASK_ID": running.task_id, "ERRANDRY_ATTEMPT": str(running.attempt)}
        gone = await end_strays(marks)
        if not gone:
            _log.error(
                "processes of a lost attempt cannot be ended", extra={"task_id": running.task_id}
            )
        return gone

    async def _give_up(self, running: Running) -> None:
        error = TaskError(
            "attempt_lost",
            f"The worker {running.worker} was lost while it carried out attempt {running.attempt}",
            attempt=running.attempt,
        )
        task = await endings.finish(
            self._database,
            running.task_id,
            running.attempt,
            Ending("lost", error=error),
            _policy(running),
            self._retention_s,
        )
        if task is None:
            return
        self.taken_back += 1
        _log.warning(
            "took back a lost attempt",
            extra={"task_id": task.id, "attempt": running.attempt, "state": task.state},
        )
        self._bus.publish(task.id, task.owner)
        self._on_free()

    async def _tidy(self) -> None:
        """Remove the folders of workers that are gone and hold nothing any more."""
        others = [folder for folder in self._folders.iterdir() if folder.name != self._worker]
        if not others:
            return
        busy = await claims.busy_workers(self._database)
        for folder in others:
            if folder.name not in busy and is_free(folder / LOCK_NAME):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _policy(running: Running) -> RetryPolicy:
    try:
        return policy_of(command_of(running.document))
    except ErrandryError:  # of a definition that this release cannot read nobody knows more
        return RetryPolicy()
