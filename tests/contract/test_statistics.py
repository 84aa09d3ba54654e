"""Statistics of commands: counted over all owners, cheap, and a few seconds old at most."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from errandry import clock
from errandry.commands.stats import NO_RUNS
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ListCommands
from errandry.service.services import Services
from errandry.service.statistics import KEEP_S, Statistics
from errandry.tasks.model import State
from errandry.tasks.retry import Ending
from errandry.tasks.sql import runs
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.tables import tasks
from support.work import claim_one, finish, finish_one


async def _run(services: Services, who: Principal, database: Database, ending: Ending) -> str:
    task = (await services.intake.create(who, CreateTask(command="echo", execute=True))).task
    await finish_one(database, ending)
    return task.id


async def _last_took(database: Database, task_id: str, seconds: float) -> None:
    """Let a final task look as if its last attempt had taken so long."""
    async with database.write() as connection:
        finished = select(tasks.c.finished_at).where(tasks.c.id == task_id)
        at = (await connection.execute(finished)).scalar_one()
        await connection.execute(
            update(tasks)
            .where(tasks.c.id == task_id)
            .values(started_at=at - timedelta(seconds=seconds))
        )


async def test_the_runs_of_all_owners_are_counted_by_the_name_of_the_command(
    services: Services, alice: Principal, bob: Principal, database: Database
) -> None:
    for who, outcome, seconds in [(alice, "failed", 3), (bob, "succeeded", 1)]:
        task_id = await _run(services, who, database, Ending(outcome))  # type: ignore[arg-type]
        await _last_took(database, task_id, seconds)
    stats = await services.statistics.of(["echo", "again"])
    assert stats["again"] == NO_RUNS
    assert (stats["echo"].runs, stats["echo"].success_rate) == (2, 0.5)
    assert (stats["echo"].p50_s, stats["echo"].p95_s) == (1, 3)
    shown = await services.commands.document(services.commands.get(alice, "echo"))
    assert shown["stats"]["runs"] == 2
    listed = (await services.commands.overview(alice, ListCommands()))["commands"]
    assert {each["name"]: each["stats"]["runs"] for each in listed}["echo"] == 2


async def test_what_never_ran_does_not_count(
    services: Services, alice: Principal, database: Database
) -> None:
    for execute in (True, False):
        form = CreateTask(command="echo", execute=execute)
        task = (await services.intake.create(alice, form)).task
        await services.tasks.cancel(alice, task.id, None)
    await services.intake.create(alice, CreateTask(command="echo", execute=True))
    await claim_one(database)
    assert (await services.statistics.of(["echo"]))["echo"] == NO_RUNS


async def test_numbers_are_kept_for_some_seconds(
    services: Services, alice: Principal, database: Database
) -> None:
    now = 100.0
    statistics = Statistics(database, lambda: now)

    async def counted() -> int:
        return (await statistics.of(["echo"]))["echo"].runs

    assert await counted() == 0
    await _run(services, alice, database, Ending("succeeded"))
    now += KEEP_S - 0.1
    assert await counted() == 0
    now += 0.1
    assert await counted() == 1


async def test_only_the_newest_tasks_are_looked_at(
    services: Services, alice: Principal, database: Database
) -> None:
    oldest = await _run(services, alice, database, Ending("failed"))
    async with database.write() as connection:
        row = (await connection.execute(select(tasks).where(tasks.c.id == oldest))).one()
        for number in range(1, runs.WINDOW + 1):
            later = row.finished_at + timedelta(seconds=number)
            copy: dict[str, Any] = {
                **row._mapping,
                "id": f"t{number}",
                "alias": f"echo-{number + 1}",
            }
            copy |= {"state": State.SUCCEEDED, "started_at": later, "finished_at": later}
            await connection.execute(insert(tasks).values(copy))
    found = (await runs.latest(database, ["echo"]))["echo"]
    assert [run.outcome for run in found] == [State.SUCCEEDED] * runs.WINDOW


@pytest.mark.parametrize("made", ["sqlite"], indirect=True)
async def test_an_index_has_all_that_is_looked_at(database: Database) -> None:
    """So that the cost does not grow with the number of tasks."""
    async with database.read() as connection:
        sql = runs._newest("echo").compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        plan = [row[3] for row in await connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
    assert plan == ["SEARCH tasks USING COVERING INDEX ix_tasks_runs (command=? AND finished_at>?)"]


@pytest.mark.parametrize(("seconds", "expected"), [(20, 2000), (0.1, 250)])
async def test_who_asks_for_the_status_is_told_when_to_come_back(
    services: Services, alice: Principal, database: Database, seconds: float, expected: int
) -> None:
    task_id = await _run(services, alice, database, Ending("succeeded"))
    await _last_took(database, task_id, seconds)
    done, _ = await services.tasks.get(alice, task_id)
    assert await services.statistics.poll_after_ms(done) == 1000
    waiting = (await services.intake.create(alice, CreateTask(command="echo", execute=True))).task
    assert await services.statistics.poll_after_ms(waiting) == expected


async def test_a_run_is_timed_by_its_last_attempt(
    services: Services, alice: Principal, database: Database
) -> None:
    await services.intake.create(alice, CreateTask(command="echo", execute=True))
    before = clock.now()
    await finish(database, await claim_one(database), Ending("succeeded"))
    p50_s = (await services.statistics.of(["echo"]))["echo"].p50_s
    assert p50_s is not None
    assert 0 <= p50_s <= (clock.now() - before).total_seconds()
