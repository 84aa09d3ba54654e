"""The delivery of PgQueuer to workers, and what our driver makes of a database that comes and goes."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from errandry.delivery.pgqueuer import PgQueuerDelivery
from errandry.delivery.pgqueuer.driver import Driver
from errandry.execution.worker import Worker, WorkerSettings
from errandry.principal import Principal
from errandry.service.forms import CreateTask
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.tasks.model import State, Task
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location
from support.executors import HeldExecutor
from support.postgres import Postgres

pytestmark = pytest.mark.parametrize("made", ["postgresql"], indirect=True)

SETTINGS = WorkerSettings(lease_s=5, grace_s=1, retention_s=86_400, log_limit_bytes=1_000_000)
LIMIT_S = 30


@dataclass
class Outage:
    """Takes the database away from everybody, and gives it back."""

    server: Postgres
    name: str

    def begin(self) -> None:
        self.server.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")
        self.server.disconnect(self.name)

    def end(self) -> None:
        self.server.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")


@pytest.fixture
def outage(postgresql: Postgres, location: Location) -> Outage:
    return Outage(postgresql, str(location.url.database))


@dataclass
class Hand:
    """A worker, what it runs, and the end of its delivery."""

    worker: Worker
    executor: HeldExecutor
    delivery: PgQueuerDelivery
    stop: Callable[[], Awaitable[None]]


Hire = Callable[..., Awaitable[Hand]]


@pytest.fixture
async def hire(
    database: Database, location: Location, bus: StatusBus, tmp_path: Path
) -> AsyncGenerator[Hire]:
    """Starts workers."""
    async with anyio.create_task_group() as group:

        async def start(name: str = "one", slots: int = 2) -> Hand:
            executor, delivery = (
                HeldExecutor(),
                PgQueuerDelivery(database, location, slots, keep_house_s=0.1),
            )
            worker = Worker(
                name,
                tmp_path,
                database,
                bus,
                {"process": executor},
                [executor],
                SETTINGS,
                delivery.wake,
            )
            group.start_soon(worker.run)
            scope, ended = anyio.CancelScope(), anyio.Event()

            async def deliver() -> None:
                with scope:
                    await delivery.run(worker)
                ended.set()

            async def stop() -> None:
                scope.cancel()
                with anyio.fail_after(LIMIT_S):
                    await ended.wait()

            group.start_soon(deliver)
            return Hand(worker, executor, delivery, stop)

        yield start
        group.cancel_scope.cancel()


async def _start(services: Services, who: Principal, command: str = "echo", **more: object) -> Task:
    form = CreateTask.model_validate({"command": command, "execute": True, **more})
    return (await services.intake.create(who, form)).task


async def _until(services: Services, who: Principal, task: Task, state: State) -> Task:
    (seen,) = await services.watching.until(
        who, [task.id], lambda tasks: tasks[0].state is state, LIMIT_S
    )
    assert seen.state is state
    return seen


async def test_a_task_is_brought_to_a_worker_and_once(
    services: Services, alice: Principal, hire: Hire
) -> None:
    hands = [await hire("one"), await hire("two")]
    tasks = [await _start(services, alice) for _ in range(4)]
    for hand in hands:
        await hand.executor.started(2)
        for attempt in hand.executor.attempts:
            attempt.succeed()
    for task in tasks:
        assert (await _until(services, alice, task, State.SUCCEEDED)).attempt == 1
    assert [hand.worker.outcomes for hand in hands] == [{"succeeded": 2}] * 2


async def test_no_more_run_than_there_are_slots_and_the_rest_waits_for_anybody(
    services: Services, alice: Principal, database: Database, hire: Hire
) -> None:
    hand = await hire(slots=1)
    tasks = [await _start(services, alice) for _ in range(3)]
    first = await hand.executor.started(1)
    states = [(await services.tasks.get(alice, task.id))[0].state for task in tasks]
    assert sorted(states) == [State.QUEUED, State.QUEUED, State.RUNNING]
    other = await hire("other", slots=1)
    (await other.executor.started(1)).succeed()
    first.succeed()
    with anyio.fail_after(LIMIT_S):
        while len(hand.executor.attempts) + len(other.executor.attempts) < 3:
            await anyio.sleep(0.01)
    for attempt in hand.executor.attempts + other.executor.attempts:
        attempt.succeed()
    for task in tasks:
        await _until(services, alice, task, State.SUCCEEDED)


async def test_a_delayed_task_comes_when_it_is_due(
    services: Services, alice: Principal, hire: Hire
) -> None:
    hand = await hire()
    task = await _start(services, alice, delay_s=0.5)
    (await hand.executor.started(1)).succeed()
    ended = await _until(services, alice, task, State.SUCCEEDED)
    assert ended.run_at is not None
    assert ended.started_at is not None
    assert ended.started_at >= ended.run_at


async def test_a_failure_is_delivered_again(
    services: Services, alice: Principal, hire: Hire
) -> None:
    hand = await hire()
    task = await _start(services, alice, "again")
    for number in (1, 2, 3):
        (await hand.executor.started(number)).fail()
    assert (await _until(services, alice, task, State.FAILED)).attempt == 3


async def test_tasks_of_a_key_run_one_after_the_other_on_two_workers(
    services: Services, alice: Principal, hire: Hire
) -> None:
    hands = [await hire("one"), await hire("two")]
    tasks = [
        await _start(services, alice, "keyed", arguments={"text": "a"}, priority=priority)
        for priority in (0, 1, 2)
    ]
    done: list[str] = []
    for number in range(3):
        with anyio.fail_after(LIMIT_S):
            while sum(len(hand.executor.attempts) for hand in hands) <= number:
                await anyio.sleep(0.01)
        (attempt,) = [
            attempt
            for hand in hands
            for attempt in hand.executor.attempts
            if attempt.context.task_id not in done
        ]
        done.append(attempt.context.task_id)
        attempt.succeed()
    assert sorted(done) == sorted(task.id for task in tasks)
    # Whichever comes first, since it may be there alone; then the highest priority.
    assert done[1:] == [task.id for task in reversed(tasks) if task.id != done[0]]


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Wait for a word in the log."""
    with anyio.fail_after(LIMIT_S):
        while words not in caplog.text:
            await anyio.sleep(0.02)


async def test_a_worker_that_stops_leaves_the_rest_to_others(
    services: Services, alice: Principal, hire: Hire
) -> None:
    hand = await hire()
    first = await _start(services, alice)
    held = await hand.executor.started(1)
    await hand.stop()
    second = await _start(services, alice)
    other = await hire("other")
    (await other.executor.started(1)).succeed()
    assert (await _until(services, alice, second, State.SUCCEEDED)).attempt == 1
    held.succeed()
    await _until(services, alice, first, State.SUCCEEDED)


async def test_deliveries_go_on_after_an_outage_of_the_database(
    services: Services,
    alice: Principal,
    hire: Hire,
    outage: Outage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hand = await hire()
    first = await _start(services, alice)
    held = await hand.executor.started(1)
    outage.begin()
    held.succeed()
    await _said(caplog, "cannot record the end of an attempt yet")
    outage.end()
    await _until(services, alice, first, State.SUCCEEDED)
    second = await _start(services, alice)
    (await hand.executor.started(2)).succeed()
    await _until(services, alice, second, State.SUCCEEDED)


async def test_a_task_without_a_job_is_found_also_after_an_outage(
    services: Services,
    alice: Principal,
    database: Database,
    hire: Hire,
    outage: Outage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = await _start(services, alice)
    async with database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM pgqueuer.pgqueuer")
        await connection.exec_driver_sql("UPDATE tasks SET queued_at = now() - interval '1 h'")
    outage.begin()
    hand = await hire()
    await _said(caplog, "does not answer the delivery")
    assert hand.executor.attempts == []
    outage.end()
    (await hand.executor.started(1)).succeed()
    await _until(services, alice, task, State.SUCCEEDED)


async def test_a_worker_may_stop_while_the_database_is_away(
    services: Services,
    alice: Principal,
    hire: Hire,
    outage: Outage,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hand = await hire()
    task = await _start(services, alice)
    (await hand.executor.started(1)).succeed()
    await _until(services, alice, task, State.SUCCEEDED)
    outage.begin()
    await _said(caplog, "does not answer the delivery")
    await hand.stop()
    outage.end()


# -- the driver


@asynccontextmanager
async def _driver(location: Location) -> AsyncGenerator[Driver]:
    driver = Driver(location)
    async with driver:
        yield driver
        driver.shutdown.set()
    await driver.close()


async def test_a_statement_is_repeated_until_the_database_is_back(
    location: Location, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    async with _driver(location) as driver:
        assert await driver.fetch("SELECT $1::int + 1 AS sum", 1) == [{"sum": 2}]
        outage.begin()
        async with anyio.create_task_group() as group:

            async def end() -> None:
                await _said(caplog, "does not answer the delivery")
                outage.end()

            group.start_soon(end)
            assert await driver.fetch("SELECT $1::text AS said", "here") == [{"said": "here"}]
        assert await driver.execute("CREATE TABLE made (n int)") == ""


async def test_a_fault_in_a_statement_is_not_repeated(location: Location) -> None:
    async with _driver(location) as driver:
        with pytest.raises(Exception, match="nowhere"):
            await driver.fetch("SELECT * FROM nowhere")


async def test_messages_are_heard_and_after_an_outage_again(
    location: Location, outage: Outage
) -> None:
    heard: list[str] = []

    async def until(message: str) -> None:
        with anyio.fail_after(LIMIT_S):
            while message not in heard:
                await anyio.sleep(0.02)

    async with _driver(location) as driver:
        await driver.add_listener("channel", lambda payload: heard.append(str(payload)))
        with anyio.fail_after(LIMIT_S):
            while not heard:  # it is told to look as soon as it listens
                await anyio.sleep(0.02)
        await driver.notify("channel", "one")
        await until("one")
        outage.begin()
        heard.clear()
        outage.end()
        with anyio.fail_after(LIMIT_S):
            while not heard:
                await anyio.sleep(0.02)
        await driver.notify("channel", "two")
        await until("two")
