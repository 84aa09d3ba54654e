"""What every database needs from us: no half write, and a clear word when it does not answer."""

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from errandry.errors import Unavailable
from errandry.principal import Principal
from errandry.service.forms import CreateTask
from errandry.service.services import Services
from errandry.tasks.sql.database import Database
from support.databases import Cut


async def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as connection:
            await connection.execute(text("CREATE TABLE half (n INTEGER)"))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await fail()
    async with database.read() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        assert "half" not in names


async def test_a_cancelled_writer_has_written_all_of_it_or_nothing(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE pairs (n INTEGER)"))
    done = 0
    for delay in range(40):
        with anyio.move_on_after(delay / 4000) as scope:
            async with database.write() as connection:
                for _ in range(2):
                    await connection.execute(text("INSERT INTO pairs VALUES (1)"))
                    await anyio.lowlevel.checkpoint()
        done += not scope.cancelled_caught
    async with database.read() as connection:
        count = (await connection.execute(text("SELECT count(*) FROM pairs"))).scalar_one()
    assert count % 2 == 0
    assert count >= 2 * done


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises((Unavailable, DBAPIError)):
        async with database.read() as connection:
            await connection.execute(text("CREATE TABLE forbidden (n INTEGER)"))


async def test_a_database_that_does_not_answer_is_a_clear_refusal(
    services: Services, alice: Principal, cut: Cut
) -> None:
    await cut()
    with pytest.raises(Unavailable, match="nothing was changed") as refused:
        await services.intake.create(alice, CreateTask(command="echo"))
    assert refused.value.next_step


async def test_a_database_that_has_become_read_only_is_a_clear_refusal(
    services: Services, alice: Principal, database: Database
) -> None:
    """On PostgreSQL as after a failover to a standby; on SQLite as on a full disk."""
    is_shared = database.is_shared
    async with database.write() as connection:
        await connection.exec_driver_sql(
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
            if is_shared
            else "PRAGMA query_only = ON"
        )
    with pytest.raises(Unavailable, match="nothing was changed"):
        await services.intake.create(alice, CreateTask(command="echo"))


async def test_a_commit_that_is_not_answered_is_not_called_undone(
    services: Services, alice: Principal, database: Database
) -> None:
    """On SQLite a commit that fails has changed nothing; of a server nobody knows."""

    @event.listens_for(database.writing_engine.sync_engine, "commit")
    def _lose(_: object) -> None:
        raise OperationalError("COMMIT", None, Exception("lost"))

    wanted = "may be done or not" if database.is_shared else "nothing was changed"
    with pytest.raises(Unavailable, match=wanted) as refused:
        await services.intake.create(alice, CreateTask(command="echo"))
    assert refused.value.next_step
