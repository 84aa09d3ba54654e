"""Concurrency keys: how many run at once, who is next, and who is waited for."""

import anyio
import pytest
from sqlalchemy import select

from errandry import clock
from errandry.principal import Principal
from errandry.service.forms import CreateTask, RetryTask, UpdateTask
from errandry.service.services import Services
from errandry.tasks.model import State, Task
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import claims, endings
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.queue import Slots
from errandry.tasks.sql.tables import tasks
from support.work import LEASE_S, claim_one, finish


async def _queue(
    services: Services, who: Principal, command: str = "keyed", text: str = "a", **fields: object
) -> Task:
    form = CreateTask.model_validate(
        {"command": command, "arguments": {"text": text}, "execute": True, **fields}
    )
    return (await services.intake.create(who, form)).task


async def _claimed(database: Database, count: int = 9) -> list[str]:
    return [each.task_id for each in await claims.claim(database, "w", count, LEASE_S)]


async def test_one_task_of_a_key_runs_at_a_time_whoever_owns_it(
    services: Services, alice: Principal, bob: Principal, database: Database
) -> None:
    first, second, other = [
        await _queue(services, who, text=text)
        for who, text in [(alice, "a"), (bob, "a"), (bob, "b")]
    ]
    assert await _claimed(database) == [first.id, other.id]
    assert await _claimed(database) == []
    holder = claims.Claim(first.id, first.owner, 1, "keyed", {}, {})
    assert await finish(database, holder, Ending("succeeded"))
    assert await _claimed(database) == [second.id]


async def test_what_is_blocked_by_its_key_is_not_in_the_way_of_others(
    services: Services, alice: Principal, database: Database
) -> None:
    holder, *_ = [await _queue(services, alice, priority=50) for _ in range(5)]
    plain = await _queue(services, alice, "echo")
    assert await _claimed(database, 1) == [holder.id]
    assert await _claimed(database, 1) == [plain.id]


async def test_as_many_run_as_the_limit_says_in_their_order(
    services: Services, alice: Principal, database: Database
) -> None:
    made = [await _queue(services, alice, "pair", priority=p) for p in (0, 0, 7, 0)]
    assert await _claimed(database) == [made[2].id, made[0].id]
    await finish(
        database, claims.Claim(made[2].id, made[2].owner, 1, "pair", {}, {}), Ending("failed")
    )
    assert await _claimed(database) == [made[1].id]


@pytest.mark.parametrize(
    ("order", "expected"),
    [(["keyed", "pair", "pair"], 1), (["pair", "keyed", "pair"], 1), (["pair", "pair"], 2)],
)
async def test_of_several_limits_of_a_key_the_lowest_counts(
    services: Services, alice: Principal, database: Database, order: list[str], expected: int
) -> None:
    """No task starts before one that stands before it, and none beside one that allows it not."""
    made = [await _queue(services, alice, command) for command in order]
    assert await _claimed(database) == [task.id for task in made[:expected]]
    assert await _claimed(database) == []


async def test_many_claims_at_once_keep_the_limit(
    services: Services, alice: Principal, database: Database
) -> None:
    for _ in range(6):
        await _queue(services, alice, "pair")
    taken: list[str] = []

    async def work(name: str) -> None:
        taken.extend(each.task_id for each in await claims.claim(database, name, 3, LEASE_S))

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(work, f"w{number}")
    assert len(set(taken)) == len(taken) == 2


async def test_a_slot_that_another_server_has_taken_since_is_not_taken_twice(
    services: Services, alice: Principal, database: Database
) -> None:
    """As on a database that lets two servers claim at the same instant: one of them comes late."""
    await _queue(services, alice)
    waiting = await _queue(services, alice)
    await claim_one(database)
    now = clock.now()
    async with database.write() as connection:
        row = (await connection.execute(select(tasks).where(tasks.c.id == waiting.id))).one()
        for slots in (Slots(set()), Slots({("key-a", 1)})):
            assert await claims._take(connection, row, slots, "late", now, LEASE_S) is None
    found, attempts = await services.tasks.get(alice, waiting.id)
    assert (found.state, found.attempt, attempts) == (State.QUEUED, 0, [])


@pytest.mark.parametrize("end", ["retried", "lost", "put back", "cancelled"])
async def test_a_key_is_free_again_however_an_attempt_ends(
    services: Services, alice: Principal, database: Database, end: str
) -> None:
    holder = await _queue(services, alice)
    waiting = await _queue(services, alice, priority=1, execute=False)
    claimed = await claim_one(database)
    assert claimed.task_id == holder.id
    await services.intake.execute(alice, waiting.id)
    later = RetryPolicy(max_attempts=3, base_s=60, cap_s=60, on_crash="retry")
    match end:
        case "retried":
            await finish(database, claimed, Ending("failed"), later)
        case "lost":
            await finish(database, claimed, Ending("lost"), later)
        case "put back":
            await endings.release(database, claimed)
        case _:
            await services.tasks.cancel(alice, holder.id, None)
            await finish(database, claimed, Ending("cancelled"))
    assert await _claimed(database) == [waiting.id]


async def test_a_key_follows_the_arguments_until_the_start(
    services: Services, alice: Principal, database: Database
) -> None:
    await _queue(services, alice, text="a")
    task = await _queue(services, alice, text="a", execute=False)
    form = UpdateTask(arguments={"text": "b"})
    await services.tasks.update(alice, task.id, form, None)
    await services.tasks.update(alice, task.id, UpdateTask(title="b"), None)
    await services.intake.execute(alice, task.id)
    assert len(await _claimed(database)) == 2


async def test_a_repeated_task_has_its_key_too(
    services: Services, alice: Principal, database: Database
) -> None:
    await _queue(services, alice)
    done = await finish(database, await claim_one(database), Ending("failed"))
    assert done is not None
    for _ in range(2):
        await services.intake.retry(alice, done.id, RetryTask())
    assert len(await _claimed(database)) == 1


async def test_a_blocked_task_is_not_waited_for(
    services: Services, alice: Principal, database: Database
) -> None:
    """Else the delivery would look again at once, and again, until the key is free."""
    await _queue(services, alice)
    await claim_one(database)
    blocked = await _queue(services, alice, delay_s=0.001)
    assert blocked.run_at is not None
    assert await claims.next_due(database, blocked.run_at) is None


async def test_a_position_counts_in_the_queue_of_the_key(
    services: Services, alice: Principal, bob: Principal
) -> None:
    his = await _queue(services, bob)
    plain = await _queue(services, alice, "echo")
    hers = [await _queue(services, alice, priority=p) for p in (0, 5)]
    elsewhere = await _queue(services, alice, text="b")
    positions = [
        (await services.tasks.get(who, task.id))[0].queue_position
        for who, task in [(bob, his), (alice, plain), *((alice, t) for t in (*hers, elsewhere))]
    ]
    assert positions == [2, 2, 3, 1, 1]


async def test_a_waiting_task_names_whom_it_waits_for_as_far_as_its_reader_may_see(
    services: Services, alice: Principal, bob: Principal, admin: Principal, database: Database
) -> None:
    await _queue(services, alice, "pair")
    await _queue(services, bob, "pair")
    waiting = await _queue(services, alice, "pair")
    assert (waiting.waits_for, waiting.waits_for_others) == (None, None)
    assert len(await _claimed(database)) == 2
    seen = {}
    for who in (alice, admin):
        found, _ = await services.tasks.get(who, waiting.id)
        seen[who.sub] = found.waits_for, found.waits_for_others
    assert seen == {"alice": (["pair-1"], 1), "root": (["pair-1", "pair-1"], 0)}
    his = await _queue(services, bob, "keyed", text="a")
    assert (his.waits_for, his.waits_for_others) == (["pair-1"], 1)
    other = await _queue(services, bob, "keyed", text="b")
    delayed = await _queue(services, bob, delay_s=60)
    running, _ = await services.tasks.get(alice, "pair-1")
    assert other.waits_for is delayed.waits_for is running.waits_for is None


async def test_nobody_is_told_who_holds_a_key_when_it_is_none_of_theirs(
    services: Services, alice: Principal, bob: Principal, database: Database
) -> None:
    await _queue(services, alice)
    await claim_one(database)
    waiting = await _queue(services, bob)
    assert (waiting.waits_for, waiting.waits_for_others) == ([], 1)
