"""Hands what PgQueuer brings to the worker of this process.

A delivery names a task and a number and ends with the claim, whatever comes of it; from there on our
own lease protects the attempt. So what comes late, early or twice has no effect.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

import anyio
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job
from pgqueuer.errors import RetryRequested

from errandry import clock
from errandry.delivery.pgqueuer.driver import Driver
from errandry.delivery.pgqueuer.room import RoomQueries
from errandry.errors import Unavailable
from errandry.execution.worker import Worker
from errandry.tasks.sql import claims, deliveries, jobs
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

_LOOK_AGAIN: Final = timedelta(seconds=1)
"""Nothing wakes an idle worker for a job that another one has picked and not claimed."""

_PICK_TO_CLAIM: Final = timedelta(seconds=4)
"""After so long without a sign of life another worker picks such a job."""

_BATCH: Final = 10
_PAUSE_S: Final = 1.0
KEEP_HOUSE_S: Final = 15.0
"""How often it looks for forgotten tasks and cuts PgQueuer's log."""


class PgQueuerDelivery:
    """Hands deliveries to a worker, at most `slots` at a time; others do the same elsewhere."""

    def __init__(
        self,
        database: Database,
        location: Location,
        slots: int,
        keep_house_s: float = KEEP_HOUSE_S,
    ) -> None:
        self._keep_house_s = keep_house_s
        self._database = database
        self._location = location
        self._slots = slots
        self._driver: Driver | None = None
        self._stopping = False

    def wake(self) -> None:
        """Look at once: there is room again. Of queued tasks the database tells every worker."""
        if self._driver is not None:
            self._driver.poke()

    async def run(self, worker: Worker) -> None:
        """Claim and hand over until cancelled; then end what was begun."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_house)
            while True:
                await self._manage(worker)
                await anyio.sleep(_PAUSE_S)

    async def _manage(self, worker: Worker) -> None:
        self._driver = driver = Driver(self._location)
        queries = jobs.queries(driver, RoomQueries)
        queries.room = lambda: (
            0 if self._stopping else self._slots - worker.running - queries.picked
        )
        manager = QueueManager(queries, jobs.SETTINGS.channel)

        async def on_delivery(job: Job) -> None:
            await self._hand_over(worker, _text(job))

        async def on_next(job: Job) -> None:
            await self._insist(lambda _: deliveries.deliver_next(self._database, _text(job)))

        for name, work in ((jobs.RUN, on_delivery), (jobs.NEXT, on_next)):
            manager.entrypoint(name, accepts_context=False)(_freeing(queries, driver, work))
        managing = asyncio.create_task(
            manager.run(
                batch_size=_BATCH,
                dequeue_timeout=_LOOK_AGAIN,
                heartbeat_timeout=_PICK_TO_CLAIM,
                log_aggregation_interval=timedelta(0),
            )
        )
        try:
            # A cancellation does not reach it: it ends what it began.
            await asyncio.wait([managing])
        finally:
            self._stopping = not managing.done()
            manager.shutdown.set()
            driver.shutdown.set()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([managing])
                await driver.close()
            if error := managing.exception():
                _log.error("PgQueuer failed", exc_info=None if self._stopping else error)

    async def _hand_over(self, worker: Worker, delivery: str) -> None:
        task_id, _, number = delivery.rpartition(":")
        began = clock.boot_time()

        async def claim(again: bool) -> Claim | None:
            return await claims.claim_delivery(
                self._database,
                worker.name,
                task_id,
                int(number),
                worker.settings.lease_s,
                again=again,
            )

        claimed = await self._insist(claim)
        if claimed is not None:
            worker.take(claimed, time.monotonic() - (clock.boot_time() - began))

    async def _insist(self, work: Callable[[bool], Awaitable[Result]]) -> Result:
        """Do it until the database answers; `work` is told whether it was tried before.

        Raises:
            RetryRequested: we are told to stop, so another worker has to do it.
        """
        again = False
        while not self._stopping:
            try:
                return await work(again)
            except Unavailable:
                _log.warning("cannot claim a task yet: the database does not answer")
                again = True
                await asyncio.sleep(_PAUSE_S)
        raise RetryRequested(reason="the worker stops")

    async def _keep_house(self) -> None:
        while True:
            await anyio.sleep(self._keep_house_s)
            try:
                if count := await deliveries.deliver_forgotten(self._database):
                    _log.warning("delivered anew what had been forgotten", extra={"count": count})
                await deliveries.forget_jobs(self._database)
            except Unavailable:
                _log.warning("cannot look for forgotten deliveries: the database does not answer")


def _text(job: Job) -> str:
    return (job.payload or b"").decode()


def _freeing(
    queries: RoomQueries, driver: Driver, work: Callable[[Job], Awaitable[None]]
) -> Callable[[Job], Awaitable[None]]:
    """Return a handler that counts its job down, and looks for another if there was no room for it."""

    async def handle(job: Job) -> None:
        try:
            await work(job)
        finally:
            was_full = queries.room() <= 0
            queries.picked -= 1
            if was_full:
                driver.poke()

    return handle
