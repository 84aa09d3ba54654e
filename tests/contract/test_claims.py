"""The worker's side: fenced claims, honest endings, what follows an attempt."""

import anyio
import pytest

from errandry import clock
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ReadEvents
from errandry.service.services import Services
from errandry.tasks.model import Progress, State, Task, TaskError
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import claims, endings, reading, reports
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.logs import Chunk, LogBatch
from errandry.tasks.sql.reports import Report
from support.work import LEASE_S, claim_one, finish

AGAIN = RetryPolicy(max_attempts=3, base_s=0.001, cap_s=0.001)
SURVIVES = RetryPolicy(on_crash="retry")


async def _queue(services: Services, who: Principal, **fields: object) -> Task:
    form = CreateTask.model_validate({"command": "echo", "execute": True, **fields})
    return (await services.intake.create(who, form)).task


async def _types(services: Services, who: Principal, task_id: str) -> list[str]:
    events, _ = await services.tasks.events(who, task_id, ReadEvents(limit=100))
    return [event.type for event in events]


async def test_a_claim_takes_the_urgent_first_and_then_the_oldest(
    services: Services, alice: Principal, database: Database
) -> None:
    old, new, urgent = [await _queue(services, alice, priority=p) for p in (0, 0, 7)]
    taken = [(await claim_one(database)).task_id for _ in range(3)]
    assert taken == [urgent.id, old.id, new.id]


async def test_a_claim_says_all_that_running_needs(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice, arguments={"text": "x"})
    claimed = await claim_one(database, "w1")
    assert (claimed.task_id, claimed.attempt, claimed.command) == (task.id, 1, "echo")
    assert claimed.arguments == {"text": "x"}
    assert claimed.document["name"] == "echo"
    found, attempts = await services.tasks.get(alice, task.id)
    assert (found.state, found.attempt) == (State.RUNNING, 1)
    assert [(each.attempt, each.worker, each.outcome) for each in attempts] == [(1, "w1", None)]


async def test_many_claims_at_once_never_take_a_task_twice(
    services: Services, alice: Principal, database: Database
) -> None:
    made = {(await _queue(services, alice)).id for _ in range(12)}
    taken: list[str] = []

    async def work(name: str) -> None:
        while found := await claims.claim(database, name, 2, LEASE_S):
            taken.extend(each.task_id for each in found)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(work, f"w{number}")
    assert len(taken) == 12
    assert set(taken) == made


async def test_success_ends_a_task_with_its_result(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    ending = Ending("succeeded", {"n": 1}, exit_code=0, max_rss_bytes=5, cpu_s=0.5)
    ended = await finish(database, await claim_one(database), ending)
    assert ended is not None
    assert (ended.state, ended.result, ended.error) == (State.SUCCEEDED, {"n": 1}, None)
    _, (attempt,) = await services.tasks.get(alice, task.id)
    assert (attempt.outcome, attempt.exit_code, attempt.max_rss_bytes, attempt.cpu_s) == (
        "succeeded",
        0,
        5,
        0.5,
    )
    assert await _types(services, alice, task.id) == [
        "created",
        "queued",
        "attempt_started",
        "attempt_finished",
        "finished",
    ]


async def test_a_failure_is_tried_again_up_to_the_limit(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    error = TaskError("exit_code", "exit code 9", exit_code=9)
    states = []
    for _ in range(3):
        claimed = await _claim_when_due(database)
        ended = await finish(database, claimed, Ending("failed", error=error), AGAIN)
        assert ended is not None
        states.append(ended.state)
    assert states == [State.QUEUED, State.QUEUED, State.FAILED]
    found, attempts = await services.tasks.get(alice, task.id)
    assert found.error == error
    assert [each.outcome for each in attempts] == ["failed"] * 3


@pytest.mark.parametrize(
    ("policy", "states"),
    [
        (RetryPolicy(on_crash="fail"), ["failed"]),
        (SURVIVES, ["queued", "queued", "failed"]),
        (RetryPolicy(max_attempts=3, on_crash="fail"), ["failed"]),
    ],
)
async def test_a_lost_attempt_follows_on_crash(
    services: Services, alice: Principal, database: Database, policy: RetryPolicy, states: list[str]
) -> None:
    await _queue(services, alice)
    seen: list[str] = []
    for _ in states:
        ended = await finish(database, await claim_one(database), Ending("lost"), policy)
        assert ended is not None
        seen.append(ended.state)
    assert seen == states


async def test_only_the_current_attempt_writes_the_outcome(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    late = await claim_one(database, "first")
    await finish(database, late, Ending("lost"), SURVIVES)
    assert await finish(database, late, Ending("succeeded", "late")) is None
    current = await claim_one(database, "second")
    assert await finish(database, late, Ending("succeeded", "late")) is None
    ended = await finish(database, current, Ending("succeeded", "right"))
    assert ended is not None
    assert (ended.result, ended.attempt) == ("right", 2)
    assert await finish(database, current, Ending("failed")) is None
    found, attempts = await services.tasks.get(alice, task.id)
    assert found.state is State.SUCCEEDED
    assert [each.outcome for each in attempts] == ["lost", "succeeded"]


async def test_a_cancelled_task_is_not_tried_again(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    claimed = await claim_one(database)
    await services.tasks.cancel(alice, task.id, None)
    ended = await finish(database, claimed, Ending("lost"), SURVIVES)
    assert ended is not None
    assert (ended.state, ended.error) == (State.CANCELLED, None)


async def test_a_task_that_ended_well_before_its_cancel_arrived_has_succeeded(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    claimed = await claim_one(database)
    await services.tasks.cancel(alice, task.id, None)
    ended = await finish(database, claimed, Ending("succeeded", 1))
    assert ended is not None
    assert ended.state is State.SUCCEEDED


async def test_what_never_started_is_put_back_and_does_not_count(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    claimed = await claim_one(database)
    assert await endings.release(database, claimed)
    assert not await endings.release(database, claimed)
    found, attempts = await services.tasks.get(alice, task.id)
    assert (found.state, found.attempt, attempts) == (State.QUEUED, 0, [])
    assert (await claim_one(database)).attempt == 1


async def test_a_heartbeat_renews_and_tells_what_is_to_be_cancelled(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    await claim_one(database, "mine")
    (before,) = await claims.held_by_others(database, "other")
    assert await claims.renew(database, "mine", [task.id], 100) == {(task.id, 1): False}
    (after,) = await claims.held_by_others(database, "other")
    assert before.lease_until is not None
    assert after.lease_until is not None
    assert after.lease_until > before.lease_until
    assert await claims.held_by_others(database, "mine") == []
    await services.tasks.cancel(alice, task.id, None)
    assert await claims.renew(database, "mine", [task.id], 100) == {(task.id, 1): True}
    last = await claims.held_by_others(database, "other")
    for worker, held in (("other", [task.id]), ("mine", [])):
        assert await claims.renew(database, worker, held, 200) == {}
    assert await claims.held_by_others(database, "other") == last


async def test_reports_store_progress_and_log_without_moving_the_revision(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    claimed = await claim_one(database)
    revision = (await services.tasks.get(alice, task.id))[0].revision
    await reports.report(database, [_report(claimed, "one\n"), _report(claimed, "", attempt=7)])
    found, _ = await services.tasks.get(alice, task.id)
    assert (found.progress, found.last_line) == (Progress(1, 2, "half"), "one")
    assert found.revision == revision


async def test_a_late_report_is_dropped(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _queue(services, alice)
    claimed = await claim_one(database)
    await finish(database, claimed, Ending("succeeded"))
    await reports.report(database, [_report(claimed, "late\n")])
    assert (await reading.get(database, alice, task.id)).last_line is None


async def test_the_next_due_moment_is_known(
    services: Services, alice: Principal, database: Database
) -> None:
    now = clock.now()
    assert await claims.next_due(database, now) is None
    later, soon = [await _queue(services, alice, delay_s=seconds) for seconds in (60, 30)]
    await _queue(services, alice)
    assert await claims.next_due(database, now) == soon.run_at
    assert soon.run_at is not None
    assert await claims.next_due(database, soon.run_at) == later.run_at


def _report(claimed: Claim, text: str, attempt: int | None = None) -> Report:
    data = text.encode()
    chunks = [Chunk(0, "stdout", 1, 0, 0, 0, 0, data)] if data else []
    return Report(
        claimed.task_id,
        attempt or claimed.attempt,
        Progress(1, 2, "half"),
        text.strip() or None,
        LogBatch(chunks),
    )


async def _claim_when_due(database: Database) -> Claim:
    with anyio.fail_after(10):
        while True:
            if found := await claims.claim(database, "worker", 1, LEASE_S):
                return found[0]
            await anyio.sleep(0.001)
