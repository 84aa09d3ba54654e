"""Deliveries on PostgreSQL: made with the move that they belong to, and good for one claim."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from errandry.principal import Principal
from errandry.service.forms import CreateTask, UpdateTask
from errandry.service.services import Services
from errandry.tasks.model import Task
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import claims, deliveries, endings
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database
from support.work import LEASE_S, finish

pytestmark = pytest.mark.parametrize("made", ["postgresql"], indirect=True)


async def _start(
    services: Services, who: Principal, command: str = "echo", text: str = "a", **fields: object
) -> Task:
    form = CreateTask.model_validate(
        {"command": command, "arguments": {"text": text}, "execute": True, **fields}
    )
    return (await services.intake.create(who, form)).task


async def _jobs(database: Database) -> list[tuple[str, str, int, timedelta]]:
    """Entrypoint, payload, priority and delay of each job there is, oldest first."""
    query = (
        "SELECT entrypoint, convert_from(payload, 'UTF8'), priority, execute_after - created"
        " FROM pgqueuer.pgqueuer ORDER BY id"
    )
    return [tuple(row) for row in await _rows(database, query)]


async def _rows(database: Database, statement: str) -> list[Any]:
    async with database.write() as connection:
        result = await connection.execute(text(statement))
        return list(result.all()) if result.returns_rows else []


async def _payloads(database: Database) -> list[str]:
    return [payload for _, payload, _, _ in await _jobs(database)]


async def _take_all(database: Database) -> list[str]:
    """Return the payloads of all jobs, and take them away as a worker would."""
    found = await _payloads(database)
    await _rows(database, "DELETE FROM pgqueuer.pgqueuer")
    return found


async def _claim(database: Database, task: Task, number: int, **more: Any) -> Claim | None:
    return await claims.claim_delivery(database, "w", task.id, number, LEASE_S, **more)


async def test_a_task_that_starts_has_a_job_and_one_that_does_not_has_none(
    services: Services, alice: Principal, database: Database
) -> None:
    await services.intake.create(alice, CreateTask(command="echo"))
    task = await _start(services, alice, priority=7)
    late = await _start(services, alice, delay_s=60)
    (now, later) = await _jobs(database)
    assert now == ("run", f"{task.id}:1", 7, timedelta(0))
    assert later[:3] == ("run", f"{late.id}:1", 0)
    assert timedelta(0) < later[3] <= timedelta(seconds=61)  # two clocks: ours and the database's


async def test_a_job_is_made_with_its_transaction_or_not_at_all(
    services: Services, alice: Principal, database: Database
) -> None:
    await _start(services, alice)
    await _take_all(database)

    async def deliver(*, fails: bool) -> None:
        async with database.write() as connection:
            row = (await connection.execute(select(*deliveries.NEEDED))).one()
            await deliveries.deliver(connection, row)
            if fails:
                raise RuntimeError("too late")

    with pytest.raises(RuntimeError, match="too late"):
        await deliver(fails=True)
    assert await _jobs(database) == []
    await deliver(fails=False)
    assert len(await _jobs(database)) == 1


async def test_an_approved_task_and_one_that_is_put_back_get_the_next_number(
    services: Services, alice: Principal, boss: Principal, database: Database
) -> None:
    task = await _start(services, alice, "guarded")
    assert await _take_all(database) == []
    await services.decisions.decide(boss, task.id, "approved", task.command_digest, None)
    assert await _take_all(database) == [f"{task.id}:1"]
    claimed = await _claim(database, task, 1)
    assert claimed is not None
    assert await endings.release(database, claimed)
    assert await _take_all(database) == [f"{task.id}:2"]


async def test_another_attempt_is_delivered_after_its_pause(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _start(services, alice)
    await _take_all(database)
    claimed = await _claim(database, task, 1)
    assert claimed is not None
    assert await finish(database, claimed, Ending("failed"), RetryPolicy(3, 60, 60))
    ((_, payload, _, delay),) = await _jobs(database)
    assert payload == f"{task.id}:2"
    assert delay > timedelta(0)


async def test_a_delivery_is_good_for_one_claim(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _start(services, alice)
    assert await _claim(database, task, 2) is None
    claimed = await _claim(database, task, 1)
    assert claimed is not None
    assert (claimed.task_id, claimed.attempt) == (task.id, 1)
    assert await _claim(database, task, 1) is None
    await finish(database, claimed, Ending("succeeded"))
    assert await _claim(database, task, 1) is None


async def test_a_claim_whose_answer_was_lost_is_found_again_by_its_worker_alone(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _start(services, alice)
    claimed = await _claim(database, task, 1, again=True)
    assert claimed is not None
    assert await _claim(database, task, 1, again=True) == claimed
    other = await claims.claim_delivery(database, "other", task.id, 1, LEASE_S, again=True)
    assert other is None


async def test_a_new_priority_is_a_new_delivery(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _start(services, alice)
    await services.tasks.update(alice, task.id, UpdateTask(title="a title"), None)
    await services.tasks.update(alice, task.id, UpdateTask(priority=9), None)
    assert [job[:3] for job in await _jobs(database)] == [
        ("run", f"{task.id}:1", 0),
        ("run", f"{task.id}:2", 9),
    ]
    assert await _claim(database, task, 1) is None
    assert await _claim(database, task, 2) is not None


# -- concurrency keys


async def test_a_delivery_without_a_slot_is_void_and_the_next_comes_when_there_is_one(
    services: Services, alice: Principal, database: Database
) -> None:
    first, second, third = [await _start(services, alice, "keyed") for _ in range(3)]
    assert await _claim(database, second, 1) is None, "it is not the first"
    claimed = await _claim(database, first, 1)
    assert claimed is not None
    assert await _claim(database, second, 1) is None
    await _take_all(database)
    assert await deliveries.deliver_next(database, "key-a") == 0
    await finish(database, claimed, Ending("succeeded"))
    ((*next_job, priority, _),) = await _jobs(database)
    assert (next_job, priority > 100) == (["next", "key-a"], True), "before any task"
    await _take_all(database)
    assert await deliveries.deliver_next(database, "key-a") == 1
    assert await _take_all(database) == [f"{second.id}:2"]
    assert await _claim(database, second, 1) is None
    assert await _claim(database, second, 2) is not None
    assert await _claim(database, third, 1) is None


@pytest.mark.parametrize("how", ["cancel", "priority", "retry"])
async def test_whoever_leaves_its_place_of_a_key_lets_the_next_one_start(
    services: Services, alice: Principal, database: Database, how: str
) -> None:
    first = await _start(services, alice, "keyed", priority=5)
    second = await _start(services, alice, "keyed")
    assert await _claim(database, second, 1) is None
    if how == "cancel":
        await services.tasks.cancel(alice, first.id, None)
    elif how == "priority":
        await services.tasks.update(alice, first.id, UpdateTask(priority=-5), None)
    else:
        claimed = await _claim(database, first, 1)
        assert claimed is not None
        await finish(database, claimed, Ending("failed"), RetryPolicy(3, 60, 60))
    assert ("next", "key-a") in [job[:2] for job in await _jobs(database)]
    assert await deliveries.deliver_next(database, "key-a") == 1
    assert await _claim(database, second, 2) is not None


async def test_as_many_of_a_key_as_may_run_are_claimed_in_their_slots(
    services: Services, alice: Principal, database: Database
) -> None:
    made = [await _start(services, alice, "pair") for _ in range(3)]
    claimed = [await _claim(database, task, 1) for task in made]
    assert [each is not None for each in claimed] == [True, True, False]
    slots = await _rows(database, "SELECT concurrency_slot FROM tasks WHERE state = 'running'")
    assert sorted(slot for (slot,) in slots) == [1, 2]


# -- what was forgotten


async def test_what_is_due_for_a_while_without_a_job_is_delivered_anew(
    services: Services, alice: Principal, database: Database
) -> None:
    lost, has_job, fresh, _, busy, _ = [
        await _start(services, alice, command, delay_s=delay)
        for command, delay in [*[("echo", 0)] * 3, ("echo", 99), *[("keyed", 0)] * 2]
    ]
    assert await _claim(database, busy, 1) is not None
    await _rows(
        database,
        "UPDATE tasks SET queued_at = queued_at - interval '31 s', run_at = run_at - interval '31 s'"
        f" WHERE id != '{fresh.id}'",
    )
    await _rows(
        database,
        f"DELETE FROM pgqueuer.pgqueuer WHERE dedupe_key != '{has_job.id}:1'",
    )
    assert await deliveries.deliver_forgotten(database) == 1
    assert await _payloads(database) == [f"{has_job.id}:1", f"{lost.id}:2"]
    assert await deliveries.deliver_forgotten(database) == 0


async def test_the_log_of_jobs_is_cut(
    services: Services, alice: Principal, database: Database
) -> None:
    for _ in range(2):
        await _start(services, alice)
    await _rows(
        database,
        "UPDATE pgqueuer.pgqueuer_log SET created = created - interval '2 h'"
        " WHERE id = (SELECT min(id) FROM pgqueuer.pgqueuer_log)",
    )
    await deliveries.forget_jobs(database)
    assert await _rows(database, "SELECT count(*) FROM pgqueuer.pgqueuer_log") == [(1,)]


# -- leases


async def test_a_lease_is_on_the_clock_of_the_database(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _start(services, alice)
    assert await _claim(database, task, 1) is not None
    left = "SELECT lease_until - clock_timestamp() FROM tasks"
    ((seconds,),) = await _rows(database, left)
    assert timedelta(0) < seconds <= timedelta(seconds=LEASE_S)
    assert await claims.expired(database) == []
    await claims.renew(database, "w", [task.id], 1000)
    ((seconds,),) = await _rows(database, left)
    assert seconds > timedelta(seconds=900)
    await _rows(database, "UPDATE tasks SET lease_until = clock_timestamp() - interval '1 ms'")
    (over,) = await claims.expired(database)
    assert (over.task_id, over.attempt, over.worker) == (task.id, 1, "w")
    assert await claims.busy_workers(database) == {"w"}
