"""What SQLite needs from us: no lost update, no half write, a clear word when it is full."""

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import event, text

from errandry.errors import Unavailable
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ListTasks
from errandry.service.services import Services
from errandry.tasks.retry import Ending
from errandry.tasks.sql.database import Database
from support.work import claim_one, finish

pytestmark = pytest.mark.parametrize("made", ["sqlite"], indirect=True)


async def test_read_then_write_never_loses_an_update(database: Database) -> None:
    """With SQLAlchemy's default BEGIN most of these updates are lost, and no error says so."""
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        await connection.execute(text("INSERT INTO counter VALUES (0)"))

    async def add() -> None:
        for _ in range(10):
            async with database.write() as connection:
                n = (await connection.execute(text("SELECT n FROM counter"))).scalar_one()
                await anyio.lowlevel.checkpoint()
                await connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(add)
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT n FROM counter"))).scalar_one() == 80


async def test_the_settings_that_durability_needs_are_on(database: Database) -> None:
    async with database.write() as connection:
        pragmas = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


async def test_a_full_database_refuses_and_loses_nothing(
    services: Services, alice: Principal, database: Database, tmp_path: Path
) -> None:
    """`max_page_count` stops the file from growing, as a full disk does."""
    running = (await services.intake.create(alice, CreateTask(command="echo", execute=True))).task
    claimed = await claim_one(database)

    @event.listens_for(database.writing_engine.sync_engine, "begin")
    def _limit(connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {limit}")  # type: ignore[attr-defined]

    limit = 1  # never below what the file has: it is full from now on
    made = refused = 0
    while not refused:
        try:
            await services.intake.create(alice, CreateTask(command="echo", title="t" * 200))
            made += 1
        except Unavailable as error:
            refused += 1
            assert "full" in error.message
            assert error.next_step
        assert made < 1000
    found, _ = await services.tasks.page(alice, ListTasks(limit=100))
    assert len(found) == min(100, made + 1)
    with pytest.raises(Unavailable):
        await finish(database, claimed, Ending("succeeded", "x" * 100_000))
    limit = 1_000_000  # there is space again
    ended = await finish(database, claimed, Ending("succeeded", "x" * 100_000))
    assert ended is not None
    assert (ended.id, ended.result) == (running.id, "x" * 100_000)
    assert (await services.intake.create(alice, CreateTask(command="echo"))).task
