"""The verbs on a task that is there, state by state."""

import anyio
import pytest
from sqlalchemy import func, select

from errandry import clock
from errandry.errors import (
    DigestMismatch,
    InvalidArguments,
    NotPermitted,
    RevisionMismatch,
    TaskActive,
    TaskNotEditable,
    TaskNotFound,
)
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ReadEvents, RetryTask, UpdateTask
from errandry.service.services import Services
from errandry.tasks.model import State, Task
from errandry.tasks.retry import Ending
from errandry.tasks.sql import changing, claims, endings, reading
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.tables import attempts, events, log_chunks, tasks
from support.work import DAY_S, NEVER_AGAIN, claim_one, finish, finish_one


async def _make(
    services: Services, who: Principal, command: str = "echo", **fields: object
) -> Task:
    form = CreateTask.model_validate({"command": command, **fields})
    return (await services.intake.create(who, form)).task


async def _types(services: Services, who: Principal, task: Task) -> list[str]:
    events, _ = await services.tasks.events(who, task.id, ReadEvents(limit=100))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [event.type for event in events]


async def test_a_created_task_takes_new_fields_and_keeps_the_others(
    services: Services, alice: Principal
) -> None:
    task = await _make(services, alice, title="kept")
    form = UpdateTask(arguments={"text": "new"}, labels={"a": "b"})
    changed = await services.tasks.update(alice, task.id, form, frozenset({task.revision}))
    assert (changed.arguments, changed.labels, changed.title) == (
        {"text": "new"},
        {"a": "b"},
        "kept",
    )
    assert changed.revision == task.revision + 1
    assert await _types(services, alice, task) == ["created", "updated"]


async def test_an_update_of_nothing_changes_nothing(services: Services, alice: Principal) -> None:
    task = await _make(services, alice)
    assert (await services.tasks.update(alice, task.id, UpdateTask(), None)).revision == 1


async def test_new_arguments_are_checked(services: Services, alice: Principal) -> None:
    task = await _make(services, alice)
    with pytest.raises(InvalidArguments):
        await services.tasks.update(alice, task.id, UpdateTask(arguments={"text": 1}), None)


@pytest.mark.parametrize("final", [False, True])
async def test_what_can_no_longer_be_changed_is_named(
    services: Services, alice: Principal, database: Database, final: bool
) -> None:
    task = await _make(services, alice, execute=True)
    claimed = await claim_one(database)
    if final:
        await finish(database, claimed, Ending("succeeded"))
    for form in (UpdateTask(arguments={"text": "x"}), UpdateTask(priority=3, title="x")):
        with pytest.raises(TaskNotEditable) as refused:
            await services.tasks.update(alice, task.id, form, None)
        assert [fault.path for fault in refused.value.faults] in (["/arguments"], ["/priority"])
    assert (await services.tasks.update(alice, task.id, UpdateTask(title="x"), None)).title == "x"


async def test_a_queued_task_takes_another_priority(services: Services, alice: Principal) -> None:
    task = await _make(services, alice, execute=True)
    assert (await services.tasks.update(alice, task.id, UpdateTask(priority=9), None)).priority == 9


async def test_another_revision_is_refused(services: Services, alice: Principal) -> None:
    task, seen = await _make(services, alice), frozenset({1})
    await services.tasks.update(alice, task.id, UpdateTask(title="one"), seen)
    with pytest.raises(RevisionMismatch):
        await services.tasks.update(alice, task.id, UpdateTask(title="two"), seen)
    with pytest.raises(RevisionMismatch):
        await services.tasks.delete(alice, task.id, seen)


async def test_execute_starts_once(services: Services, alice: Principal) -> None:
    task = await _make(services, alice)
    first = await services.intake.execute(alice, task.id)
    second = await services.intake.execute(alice, task.alias)
    assert (first[0].state, first[1], second[1]) == (State.QUEUED, True, False)
    assert await _types(services, alice, task) == ["created", "queued"]


@pytest.mark.parametrize("command", ["echo", "guarded"])
async def test_cancel_ends_at_once_what_does_not_run(
    services: Services, alice: Principal, command: str
) -> None:
    task = await _make(services, alice, command, execute=True)
    cancelled = await services.tasks.cancel(alice, task.id, "not wanted")
    assert (cancelled.state, cancelled.cancel_requested) == (State.CANCELLED, True)
    assert cancelled.finished_at is not None
    assert (await _types(services, alice, task))[-2:] == ["cancel_requested", "finished"]


async def test_cancel_of_a_running_task_waits_for_its_end(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _make(services, alice, execute=True)
    claimed = await claim_one(database)
    asked = await services.tasks.cancel(alice, task.id, None)
    assert (asked.state, asked.cancel_requested) == (State.RUNNING, True)
    assert (await services.tasks.cancel(alice, task.id, None)).revision == asked.revision
    assert await claims.cancel_requested(database, task.id, 1)
    ended = await finish(database, claimed, Ending("cancelled"))
    assert ended is not None
    assert (ended.state, ended.result, ended.error) == (State.CANCELLED, None, None)


async def test_cancel_of_a_final_task_changes_nothing(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _make(services, alice, execute=True)
    ended = await finish_one(database, Ending("succeeded"))
    assert await services.tasks.cancel(alice, task.id, None) == ended


async def test_delete_takes_history_and_log_and_refuses_what_is_under_way(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _make(services, alice, execute=True)
    with pytest.raises(TaskActive):
        await services.tasks.delete(alice, task.id, None)
    await finish_one(database, Ending("succeeded"))
    await services.tasks.delete(alice, task.id, None)
    with pytest.raises(TaskNotFound):
        await services.tasks.get(alice, task.id)
    async with database.read() as connection:
        for table in (events, attempts, log_chunks, tasks):
            left = await connection.execute(select(func.count()).select_from(table))
            assert left.scalar_one() == 0, table.name


# -- approval


async def test_a_guarded_task_waits_for_somebody_else(
    services: Services, alice: Principal, boss: Principal, wakes: list[None]
) -> None:
    task = await _make(services, alice, "guarded", execute=True)
    assert task.state is State.AWAITING_APPROVAL
    assert task.approval is not None
    assert (task.approval.digest, task.approval.decision) == (task.command_digest, None)
    assert task.expires_at == clock.after(task.approval.requested_at, 3600)
    assert not wakes
    approved = await services.decisions.decide(
        boss, task.id, "approved", task.command_digest, "fine"
    )
    assert approved.state is State.QUEUED
    assert approved.approval is not None
    assert approved.approval.decided_by is not None
    assert (approved.approval.decision, approved.approval.decided_by.sub) == ("approved", "boss")
    assert len(wakes) == 1
    again = await services.decisions.decide(boss, task.id, "approved", task.command_digest, None)
    assert again.revision == approved.revision
    with pytest.raises(TaskNotEditable):
        await services.decisions.decide(boss, task.id, "rejected", task.command_digest, None)


async def test_a_rejected_task_fails(services: Services, alice: Principal, boss: Principal) -> None:
    task = await _make(services, alice, "guarded", execute=True)
    rejected = await services.decisions.decide(boss, task.id, "rejected", task.command_digest, "no")
    assert rejected.state is State.FAILED
    assert rejected.error is not None
    assert (rejected.error.code, rejected.error.message, rejected.attempt) == (
        "approval_rejected",
        "no",
        0,
    )
    assert (await _types(services, alice, task))[-2:] == ["rejected", "finished"]


async def test_a_decision_about_another_version_counts_for_nothing(
    services: Services, alice: Principal, boss: Principal
) -> None:
    task = await _make(services, alice, "guarded", execute=True)
    with pytest.raises(DigestMismatch):
        await services.decisions.decide(boss, task.id, "approved", "sha256:" + "0" * 64, None)
    assert (await services.tasks.get(alice, task.id))[0].state is State.AWAITING_APPROVAL


async def test_nobody_approves_what_they_asked_for(services: Services, admin: Principal) -> None:
    task = await _make(services, admin, "guarded", execute=True)
    with pytest.raises(NotPermitted, match="themselves"):
        await services.decisions.decide(admin, task.id, "approved", task.command_digest, None)


async def test_a_decision_needs_its_scope_and_a_task_that_awaits_it(
    services: Services, alice: Principal, bob: Principal, admin: Principal
) -> None:
    waiting = await _make(services, alice, "guarded", execute=True)
    with pytest.raises(NotPermitted):
        await services.decisions.decide(bob, waiting.id, "approved", waiting.command_digest, None)
    other = await _make(services, alice)
    with pytest.raises(TaskNotEditable):
        await services.decisions.decide(admin, other.id, "approved", other.command_digest, None)


# -- what ends by itself


async def test_what_waited_too_long_gives_up(
    services: Services, alice: Principal, database: Database
) -> None:
    guarded = await _make(services, alice, "guarded", execute=True, expires_in_s=0.001)
    queued = await _make(services, alice, execute=True, expires_in_s=0.001)
    patient = await _make(services, alice, execute=True)
    await _sweep_until(database, {guarded.id, queued.id})
    errors = [
        (task.state, task.error.code if task.error else None)
        for task in await services.watching.find(alice, [guarded.id, queued.id, patient.id])
    ]
    assert errors == [
        (State.FAILED, "approval_expired"),
        (State.FAILED, "expired"),
        (State.QUEUED, None),
    ]


async def test_a_final_task_is_deleted_when_it_was_kept_long_enough(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await _make(services, alice, execute=True)
    claimed = await claim_one(database)
    ended = await endings.finish(
        database, task.id, claimed.attempt, Ending("succeeded"), NEVER_AGAIN, 0
    )
    assert ended is not None
    await _sweep_until(database, {task.id})
    with pytest.raises(TaskNotFound):
        await reading.get(database, alice, task.id)


async def test_a_command_says_how_long_its_tasks_are_kept(
    services: Services, alice: Principal, database: Database
) -> None:
    await _make(services, alice, "short-lived", execute=True)
    ended = await finish_one(database, Ending("succeeded"))
    assert ended.finished_at is not None
    assert ended.expires_at == clock.after(ended.finished_at, 60)


async def test_without_its_own_time_a_task_is_kept_as_long_as_the_server_says(
    services: Services, alice: Principal, database: Database
) -> None:
    await _make(services, alice, execute=True)
    ended = await finish_one(database, Ending("succeeded"))
    assert ended.finished_at is not None
    assert ended.expires_at == clock.after(ended.finished_at, DAY_S)


async def _sweep_until(database: Database, wanted: set[str]) -> None:
    changed: set[str] = set()
    with anyio.fail_after(10):
        while changed != wanted:
            changed |= {task.id for task in await changing.sweep(database, DAY_S)}
            await anyio.sleep(0.002)


async def test_an_approver_reads_and_decides_and_changes_nothing(
    services: Services, alice: Principal, boss: Principal
) -> None:
    """Seeing a task because one may decide about it is no right to touch it."""
    writer = Principal(boss.iss, boss.sub, boss.scopes | {"tasks:write"})
    task = await _make(services, alice, "guarded", execute=True)
    with pytest.raises(NotPermitted):
        await services.tasks.update(writer, task.id, UpdateTask(title="x"), None)
    with pytest.raises(NotPermitted):
        await services.tasks.cancel(writer, task.id, None)
    rejected = await services.decisions.decide(
        writer, task.id, "rejected", task.command_digest, None
    )
    with pytest.raises(NotPermitted):
        await services.tasks.delete(writer, task.id, None)
    with pytest.raises(NotPermitted):
        await services.intake.retry(writer, task.id, RetryTask())
    with pytest.raises(NotPermitted):
        await services.intake.execute(writer, task.id)
    assert (await services.tasks.get(alice, task.id))[0] == rejected
