"""What runs tasks in this process: spawner, worker, delivery, heartbeat, recovery."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Protocol

import anyio

from errandry.commands.executors import Executors
from errandry.delivery.embedded import EmbeddedDelivery
from errandry.execution import worker as workers
from errandry.execution.executors.hosted import hosted_ending, hosted_job
from errandry.execution.executors.http import HttpExecutor
from errandry.execution.executors.port import OTHER
from errandry.execution.executors.process import ProcessExecutor
from errandry.execution.executors.python import python_ending, python_job
from errandry.execution.heartbeat import beat, recover
from errandry.execution.recovery import LOCK_NAME, Recovery
from errandry.execution.secrets import Secrets
from errandry.execution.spawner import Spawner
from errandry.execution.worker import Worker, WorkerSettings
from errandry.settings import Settings
from errandry.status.bus import StatusBus
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location

DAY_S: Final = 86_400
_STOP_S: Final = 5.0  # a claim that is under way may take so long


class Delivery(Protocol):
    """Brings due tasks to a worker."""

    def wake(self) -> None:
        """Look at once: a task was queued, or there is room again."""

    async def run(self, worker: Worker) -> None:
        """Claim and hand over until cancelled."""


def _delivery(database: Database, location: Location, slots: int) -> Delivery:
    if not database.is_shared:
        return EmbeddedDelivery(database, slots)
    from errandry.delivery.pgqueuer import PgQueuerDelivery  # noqa: PLC0415 - SQLite has no use for it

    return PgQueuerDelivery(database, location, slots)


class Runner:
    """Runs tasks, `concurrency` at a time; with 0 it only takes back what lost workers held."""

    def __init__(
        self,
        settings: Settings,
        location: Location,
        database: Database,
        bus: StatusBus,
        executors: Executors,
    ) -> None:
        self._settings = settings
        self._database = database
        self._bus = bus
        self._executors = executors
        self._retention_s = settings.retention_days * DAY_S
        self._name = workers.new_name()
        self._folders = settings.data_dir / "run"
        self._delivery = _delivery(database, location, settings.concurrency)
        self._delivering = anyio.CancelScope()
        self._delivered = anyio.Event()
        self._worker: Worker | None = None
        self._recovery = Recovery(
            database,
            bus,
            self._name,
            self._folders,
            lease_s=settings.lease_s,
            retention_s=self._retention_s,
            on_free=self.wake,
        )

    # -- state

    @property
    def running(self) -> int:
        """How many attempts run here."""
        return self._worker.running if self._worker else 0

    @property
    def outcomes(self) -> Counter[str]:
        """How attempts have ended here, those that were taken back included."""
        ended = self._worker.outcomes if self._worker else Counter[str]()
        return ended + Counter(lost=self._recovery.taken_back)

    # -- life

    def wake(self) -> None:
        """Look at once for what is due."""
        self._delivery.wake()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Run tasks and take back lost ones while the block lasts."""
        self._folders.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with AsyncExitStack() as stack:
            if self._settings.concurrency:
                self._worker = await self._make_worker(stack)
            async with anyio.create_task_group() as group:
                if self._database.is_shared:
                    group.start_soon(recover, self._recovery)
                if self._worker is not None:
                    recovery = None if self._database.is_shared else self._recovery
                    group.start_soon(self._worker.run)
                    group.start_soon(beat, self._database, self._worker, recovery)
                    group.start_soon(self._deliver, self._worker)
                yield
                group.cancel_scope.cancel()

    async def _make_worker(self, stack: AsyncExitStack) -> Worker:
        folder = self._folders / self._name
        folder.mkdir(mode=0o700)
        settings = self._settings
        spawner = Spawner(
            keep=settings.concurrency,
            lock=folder / LOCK_NAME,
            counts_sleep=self._database.is_shared,
        )
        process = ProcessExecutor(await stack.enter_async_context(spawner))
        python = ProcessExecutor(spawner, python_job, python_ending)
        http = HttpExecutor()
        other = ProcessExecutor(spawner, hosted_job(self._executors), hosted_ending)
        return Worker(
            self._name,
            folder,
            self._database,
            self._bus,
            {"process": process, "python": python, "http": http, OTHER: other},
            [process, python, http, other],
            WorkerSettings(
                settings.lease_s, settings.grace_s, self._retention_s, settings.log_limit_bytes
            ),
            on_free=self.wake,
            secrets=Secrets(settings.secrets_dir),
        )

    async def _deliver(self, worker: Worker) -> None:
        try:
            with self._delivering:
                await self._delivery.run(worker)
        finally:
            self._delivered.set()

    async def drain(self) -> None:
        """Claim nothing more, and wait for what runs, `drain_s` at most."""
        self._delivering.cancel()
        if self._worker is not None:
            with anyio.move_on_after(_STOP_S):
                await self._delivered.wait()
            await self._worker.drain(self._settings.drain_s)

    def end_all(self) -> None:
        """End at once what still runs."""
        if self._worker is not None:
            self._worker.end_all()
