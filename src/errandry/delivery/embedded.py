"""The embedded delivery: one process that claims what is due as soon as there is room for it."""

import logging
import time
from typing import Final

import anyio

from errandry import clock
from errandry.errors import Unavailable
from errandry.execution.worker import Worker
from errandry.tasks.sql import claims
from errandry.tasks.sql.database import Database

_log = logging.getLogger(__name__)

_LOOK_AGAIN_S: Final = 5.0
"""The longest sleep: the clock of the wall, which delays are counted on, may jump."""

_PAUSE_S: Final = 1.0


class EmbeddedDelivery:
    """Hands due tasks to a worker, at most `slots` at a time."""

    def __init__(self, database: Database, slots: int) -> None:
        self._database = database
        self._slots = slots
        self._due = anyio.Event()

    def wake(self) -> None:
        """Look at once: a task was queued, or there is room again."""
        self._due.set()

    async def run(self, worker: Worker) -> None:
        """Claim and hand over until cancelled."""
        while True:
            self._due = anyio.Event()
            try:
                pause_s = await self._hand_over(worker)
            except Unavailable:
                _log.warning("cannot claim tasks: the database does not answer")
                pause_s = _PAUSE_S
            with anyio.move_on_after(pause_s):
                await self._due.wait()

    async def _hand_over(self, worker: Worker) -> float:
        """Claim what there is room for; return the seconds until there may be more."""
        free = self._slots - worker.running
        if free <= 0:
            return _LOOK_AGAIN_S
        began, since = time.monotonic(), clock.now()
        # Once the claim is written it must be carried out, whoever cancels this loop meanwhile.
        with anyio.CancelScope(shield=True):
            claimed = await claims.claim(self._database, worker.name, free, worker.settings.lease_s)
            for each in claimed:
                worker.take(each, began)
        if len(claimed) == free:
            return _LOOK_AGAIN_S  # the next end wakes us
        due = await claims.next_due(self._database, since)
        if due is None:
            return _LOOK_AGAIN_S
        return min(_LOOK_AGAIN_S, max(0.0, (due - clock.now()).total_seconds()))
