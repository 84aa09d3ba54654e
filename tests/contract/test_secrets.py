"""Secrets reach an attempt, and nothing that is stored of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from sqlalchemy import select

from errandry.delivery.embedded import EmbeddedDelivery
from errandry.execution.executors.port import Context, failed, succeeded
from errandry.execution.secrets import Secrets
from errandry.execution.worker import Worker, WorkerSettings
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ReadLog
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.tasks.model import FINAL, Progress, State, Task
from errandry.tasks.retry import Ending
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.tables import metadata
from support.definitions import definition, write

VALUE = "s3cret-canary-0123456789"
SETTINGS = WorkerSettings(lease_s=15, grace_s=1, retention_s=86_400, log_limit_bytes=1_000_000)


@dataclass
class Talker:
    """An executor that tells everybody what it knows."""

    end: Callable[[Context, str], Ending]
    seen: list[str] = field(default_factory=list)

    async def run(self, context: Context) -> Ending:
        context.on_start()
        value = context.secrets["TOKEN"]
        self.seen.append(value)
        context.on_progress(Progress(1, 2, "x" * 490 + value))
        for piece in (f"log {value[:5]}", f"{value[5:]}\n", value, "\n::progress {"):
            context.capture.feed("stdout", piece.encode())
        context.capture.feed("stdout", f'"message": "still {value}"}}\n'.encode())
        context.capture.feed("stderr", f"error {value}".encode())
        return self.end(context, value)


@dataclass
class Bench:
    """A worker that runs a command with a secret."""

    folder: Path
    services: Services
    who: Principal
    database: Database
    bus: StatusBus

    async def run(self, executor: Talker) -> Task:
        """Run one task to its end."""
        write(self.folder / "commands", definition("knows", secrets=["TOKEN"], result={}))
        delivery = EmbeddedDelivery(self.database, slots=2)
        worker = Worker(
            "bench",
            self.folder,
            self.database,
            self.bus,
            {"process": executor},
            [],
            SETTINGS,
            delivery.wake,
            Secrets(self.folder / "secrets"),
        )
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run)
            group.start_soon(delivery.run, worker)
            form = CreateTask(command="knows", execute=True)
            task = (await self.services.intake.create(self.who, form)).task
            delivery.wake()
            (ended,) = await self.services.watching.until(
                self.who, [task.id], lambda tasks: tasks[0].state in FINAL, 20
            )
            group.cancel_scope.cancel()
        return ended

    async def stored(self) -> bytes:
        """All that the database holds: its rows, and the bytes of its files if it has some here."""
        async with self.database.read() as connection:
            rows = [
                repr(tuple(row)).encode()
                for table in metadata.tables.values()
                for row in await connection.execute(select(table))
            ]
        return b"".join([*rows, *(file.read_bytes() for file in self.folder.glob("errandry.db*"))])


@pytest.fixture
def bench(
    services: Services, alice: Principal, database: Database, bus: StatusBus, tmp_path: Path
) -> Bench:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    (folder / "TOKEN").touch(mode=0o600)
    (folder / "TOKEN").write_text(f"{VALUE}\n")
    return Bench(tmp_path, services, alice, database, bus)


async def test_a_value_is_given_to_the_executor_and_hidden_in_log_progress_and_result(
    bench: Bench,
) -> None:
    talker = Talker(lambda context, value: succeeded(context, {value: [f"<{value}>"]}))
    task = await bench.run(talker)
    assert talker.seen == [VALUE]
    assert (task.state, task.result) == (State.SUCCEEDED, {"***": ["<***>"]})
    assert (task.progress and task.progress.message, task.last_line) == ("still ***", "error ***")
    page = await bench.services.logs.read(bench.who, task.id, ReadLog())
    assert page.text == "log ***\n***\nerror ***\n"
    assert b"still ***" in await bench.stored()
    assert VALUE[:6].encode() not in await bench.stored()


async def test_a_value_is_hidden_in_an_error_and_its_output(bench: Bench) -> None:
    task = await bench.run(
        Talker(lambda context, value: failed(context, "exit_code", f"it said {value}"))
    )
    assert task.error is not None
    assert (task.error.message, task.error.output) == ("it said ***", "error ***")
    assert VALUE.encode() not in await bench.stored()


async def test_a_long_message_is_cut_after_the_value_was_hidden(bench: Bench) -> None:
    def end(context: Context, value: str) -> Ending:
        context.on_progress(Progress(1, 2, "x" * 490 + value + "y" * 90))
        return succeeded(context, None)

    task = await bench.run(Talker(end))
    assert task.progress is not None
    assert task.progress.message == "x" * 490 + "***" + "y" * 7


async def test_an_attempt_without_its_secret_does_not_start(bench: Bench) -> None:
    (bench.folder / "secrets" / "TOKEN").unlink()
    talker = Talker(lambda context, value: succeeded(context, None))
    task = await bench.run(talker)
    assert task.error is not None
    assert (task.state, task.error.code) == (State.FAILED, "not_startable")
    assert task.error.message.startswith('The secret "TOKEN" is neither in the environment')
    assert talker.seen == []
