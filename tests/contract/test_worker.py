"""The worker and the embedded delivery, with an executor that the test holds in its hand."""

import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup

from errandry.delivery.embedded import EmbeddedDelivery
from errandry.execution.heartbeat import beat
from errandry.execution.recovery import Recovery
from errandry.execution.worker import LEASE_SHARE, Worker, WorkerSettings
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ReadEvents, ReadLog
from errandry.service.services import Services
from errandry.service.sweeper import sweep
from errandry.status.bus import StatusBus
from errandry.tasks.model import FINAL, State, Task
from errandry.tasks.sql import claims
from errandry.tasks.sql.database import Database
from support.definitions import definition, write
from support.executors import HeldExecutor, tell

SETTINGS = WorkerSettings(lease_s=2.5, grace_s=1, retention_s=86_400, log_limit_bytes=1_000_000)


@dataclass
class Bench:
    """A worker at work, and what is around it."""

    services: Services
    who: Principal
    database: Database
    bus: StatusBus
    executor: HeldExecutor
    worker: Worker
    delivery: EmbeddedDelivery
    group: TaskGroup
    delivering: anyio.CancelScope

    async def start(self, command: str = "echo", **fields: object) -> Task:
        form = CreateTask.model_validate({"command": command, "execute": True, **fields})
        task = (await self.services.intake.create(self.who, form)).task
        self.delivery.wake()
        return task

    async def until(self, task: Task, met: Callable[[Task], bool]) -> Task:
        (seen,) = await self.services.watching.until(
            self.who, [task.id], lambda tasks: met(tasks[0]), 20
        )
        assert met(seen), seen
        return seen

    async def ended(self, task: Task) -> Task:
        return await self.until(task, lambda seen: seen.state in FINAL)

    async def types(self, task: Task) -> list[str]:
        events, _ = await self.services.tasks.events(self.who, task.id, ReadEvents(limit=100))
        return [event.type for event in events]


@pytest.fixture
async def bench(
    services: Services, alice: Principal, database: Database, bus: StatusBus, tmp_path: Path
) -> AsyncGenerator[Bench]:
    executor, delivery = HeldExecutor(), EmbeddedDelivery(database, slots=2)
    worker = Worker(
        "bench", tmp_path, database, bus, {"process": executor}, [executor], SETTINGS, delivery.wake
    )
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run)
        delivering = anyio.CancelScope()

        async def deliver() -> None:
            with delivering:
                await delivery.run(worker)

        group.start_soon(deliver)
        yield Bench(services, alice, database, bus, executor, worker, delivery, group, delivering)
        group.cancel_scope.cancel()


async def test_a_queued_task_is_carried_out(bench: Bench) -> None:
    task = await bench.start()
    (await bench.executor.started(1)).succeed()
    ended = await bench.ended(task)
    assert (ended.state, ended.result) == (State.SUCCEEDED, {"attempt": 1})
    assert bench.worker.outcomes == {"succeeded": 1}
    assert bench.worker.running == 0


async def test_no_more_run_at_once_than_there_are_slots(bench: Bench) -> None:
    tasks = [await bench.start() for _ in range(3)]
    first = await bench.executor.started(1)
    await bench.executor.started(2)
    waiting = (await bench.services.watching.find(bench.who, [tasks[2].id]))[0]
    assert (waiting.state, bench.worker.running) == (State.QUEUED, 2)
    first.succeed()
    for held in [await bench.executor.started(2), await bench.executor.started(3)]:
        held.succeed()
    for task in tasks:
        assert (await bench.ended(task)).state is State.SUCCEEDED


async def test_a_delayed_task_starts_by_itself_when_it_is_due(bench: Bench) -> None:
    task = await bench.start(delay_s=0.2)
    (await bench.executor.started(1)).succeed()
    ended = await bench.ended(task)
    assert ended.run_at is not None
    assert ended.started_at is not None
    assert ended.started_at >= ended.run_at


async def test_a_failure_is_tried_again(bench: Bench) -> None:
    task = await bench.start("again")
    for number in (1, 2, 3):
        (await bench.executor.started(number)).fail()
    ended = await bench.ended(task)
    assert (ended.state, ended.attempt) == (State.FAILED, 3)
    assert ended.error is not None
    assert (ended.error.code, ended.error.attempt) == ("exit_code", 3)


async def test_a_cancel_stops_the_attempt(bench: Bench) -> None:
    task = await bench.start()
    held = await bench.executor.started(1)
    await bench.services.tasks.cancel(bench.who, task.id, None)
    assert (await bench.ended(task)).state is State.CANCELLED
    assert held.cancelled
    assert held.context.grace_s == SETTINGS.grace_s


async def test_an_attempt_over_its_time_is_stopped(bench: Bench, tmp_path: Path) -> None:
    write(tmp_path / "commands", definition("brief", timeout_s=0.05))
    task = await bench.start("brief")
    ended = await bench.ended(task)
    assert ended.error is not None
    assert (ended.state, ended.error.code) == (State.FAILED, "timeout")
    assert (await bench.executor.started(1)).cancelled


async def test_progress_and_log_show_while_it_runs(bench: Bench) -> None:
    task = await bench.start()
    held = await bench.executor.started(1)
    held.context.capture.feed("stdout", b'early\n::progress {"current": 2}\n')
    seen = await bench.until(task, lambda seen: seen.progress is not None)
    assert seen.progress is not None
    assert (seen.progress.current, seen.last_line) == (2, "early")
    assert (await bench.services.logs.read(bench.who, task.id, ReadLog())).text == "early\n"
    tell(held, 9)
    held.context.capture.feed("stdout", b"late, without an end")
    held.succeed()
    ended = await bench.ended(task)
    assert ended.progress is not None
    assert (ended.progress.current, ended.last_line) == (9, "late, without an end")
    page = await bench.services.logs.read(bench.who, task.id, ReadLog())
    assert page.text == "early\nlate, without an end\n"


async def test_a_fault_of_the_executor_ends_the_task_as_internal(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.executor.breaks = True
    with caplog.at_level(logging.ERROR):
        ended = await bench.ended(await bench.start())
    assert ended.error is not None
    assert (ended.state, ended.error.code) == (State.FAILED, "internal")
    assert "fault" not in ended.error.message
    assert "an executor failed" in caplog.text


async def test_a_drain_waits_for_what_runs(bench: Bench) -> None:
    task = await bench.start()
    held = await bench.executor.started(1)
    async with anyio.create_task_group() as group:
        group.start_soon(bench.worker.drain, 20)
        held.succeed()
    assert (await bench.ended(task)).state is State.SUCCEEDED


async def test_a_drain_that_takes_too_long_loses_the_attempt(bench: Bench) -> None:
    fails, survives = await bench.start(), await bench.start("survivor")
    held = [await bench.executor.started(1), await bench.executor.started(2)]
    bench.delivering.cancel()
    await bench.worker.drain(0)
    assert all(each.cancelled and each.context.grace_s == 0 for each in held)
    assert bench.executor.killed == 1
    ended = await bench.ended(fails)
    assert ended.error is not None
    assert ended.error.code == "attempt_lost"
    assert "attempt_finished" in await bench.types(survives)


async def test_a_heartbeat_feeds_what_runs_and_finds_asked_cancels(
    bench: Bench, tmp_path: Path
) -> None:
    task = await bench.start()
    held = await bench.executor.started(1)
    recovery = _recovery(bench, tmp_path / "run")
    bench.group.start_soon(beat, bench.database, bench.worker, recovery)
    with anyio.fail_after(20):
        while len(bench.executor.fed) < 2:
            await anyio.sleep(0.01)
    assert bench.executor.fed[1] > bench.executor.fed[0]
    assert bench.executor.fed[0] <= anyio.current_time() + LEASE_SHARE * SETTINGS.lease_s
    async with bench.database.write() as connection:  # as if the wake-up had been lost
        await connection.exec_driver_sql("UPDATE tasks SET cancel_requested = true")
    assert (await bench.ended(task)).state is State.CANCELLED
    assert held.cancelled


async def test_an_attempt_that_was_taken_back_is_ended_at_the_next_heartbeat(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.start()
    held = await bench.executor.started(1)
    async with bench.database.write() as connection:  # as if the lease had been over, elsewhere
        await connection.exec_driver_sql("UPDATE tasks SET attempt = 2, worker = 'another'")
    bench.group.start_soon(
        beat, bench.database, bench.worker, _recovery(bench, tmp_path / "run", lease_s=1_000)
    )
    with anyio.fail_after(120):
        while not held.cancelled or bench.worker.running:
            await anyio.sleep(0.01)
    assert bench.worker.outcomes == {}


async def test_what_a_dead_worker_held_is_taken_back(bench: Bench, tmp_path: Path) -> None:
    folders = tmp_path / "run"
    (folders / "dead").mkdir(parents=True)
    (folders / "long-gone").mkdir()
    bench.delivering.cancel()
    form = CreateTask(command="survivor", execute=True)
    task = (await bench.services.intake.create(bench.who, form)).task
    await claims.claim(bench.database, "dead", 1, 0.2)
    recovery = _recovery(bench, folders, lease_s=0.2)
    with anyio.fail_after(20):
        while (await _state(bench, task)) is State.RUNNING:
            await recovery.look()
            await anyio.sleep(0.02)
    (lost, *_) = (await bench.services.tasks.get(bench.who, task.id))[1]
    assert (lost.worker, lost.outcome) == ("dead", "lost")
    assert recovery.taken_back == 1
    await recovery.look()
    assert list(folders.iterdir()) == []


async def test_what_a_living_worker_renews_is_not_taken(bench: Bench, tmp_path: Path) -> None:
    bench.delivering.cancel()
    await bench.services.intake.create(bench.who, CreateTask(command="survivor", execute=True))
    (claimed,) = await claims.claim(bench.database, "alive", 1, 60)
    recovery = _recovery(bench, tmp_path / "run", lease_s=0.3)
    end = anyio.current_time() + 1.2
    while anyio.current_time() < end:
        await claims.renew(bench.database, "alive", [claimed.task_id], 60)
        await recovery.look()
        await anyio.sleep(0.02)
    (held,) = await claims.held_by_others(bench.database, "bench")
    assert (held.task_id, held.worker) == (claimed.task_id, "alive")


async def test_a_sweeper_wakes_who_waits_for_a_task_that_gives_up(bench: Bench) -> None:
    bench.group.start_soon(sweep, bench.database, bench.bus, 86_400.0, 0.02)
    task = await bench.start("guarded", expires_in_s=0.01)
    ended = await bench.ended(task)
    assert ended.error is not None
    assert ended.error.code == "approval_expired"


def _recovery(bench: Bench, folders: Path, lease_s: float = 60) -> Recovery:
    folders.mkdir(exist_ok=True)
    return Recovery(
        bench.database,
        bench.bus,
        "bench",
        folders,
        lease_s=lease_s,
        retention_s=86_400,
        on_free=lambda: None,
    )


async def _state(bench: Bench, task: Task) -> State:
    return (await bench.services.tasks.get(bench.who, task.id))[0].state


async def test_a_definition_that_cannot_be_read_any_more_ends_its_task_alone(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.delivering.cancel()
    form = CreateTask(command="echo", execute=True)
    broken = (await bench.services.intake.create(bench.who, form)).task
    (claimed,) = await claims.claim(bench.database, "bench", 1, 60)
    with caplog.at_level(logging.ERROR):
        bench.worker.take(replace(claimed, document={"name": "of another age"}), 0)
        ended = await bench.ended(broken)
    assert ended.error is not None
    assert ended.error.code == "internal"
    assert "cannot be read" in caplog.text


async def test_an_end_that_cannot_be_written_ends_its_task_alone(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    task = await bench.start()
    held = await bench.executor.started(1)
    held.result = object()  # no JSON at all
    with caplog.at_level(logging.ERROR):
        held.succeed()
        ended = await bench.ended(task)
    assert ended.error is not None
    assert (ended.state, ended.error.code) == (State.FAILED, "internal")
    assert "cannot be recorded" in caplog.text
