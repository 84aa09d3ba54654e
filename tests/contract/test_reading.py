"""Who sees what, page by page."""

from datetime import timedelta

import pytest

from errandry.errors import AmbiguousAlias, InvalidField, NotPermitted, TaskNotFound
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ListTasks, ReadEvents
from errandry.service.services import Services
from errandry.tasks.model import State, Task
from errandry.tasks.retry import Ending
from errandry.tasks.sql.database import Database
from support.work import finish_one


async def _make(
    services: Services, who: Principal, command: str = "echo", **fields: object
) -> Task:
    form = CreateTask.model_validate({"command": command, **fields})
    return (await services.intake.create(who, form)).task


async def _ids(services: Services, who: Principal, **query: object) -> list[str]:
    found, _ = await services.tasks.page(who, ListTasks.model_validate(query))
    return [task.id for task in found]


async def test_unknown_and_foreign_tasks_get_the_same_answer(
    services: Services, alice: Principal, bob: Principal
) -> None:
    task = await _make(services, alice)
    refusals = []
    for reference in (task.id, "tsk_" + "0" * 32, task.alias, "nothing-7"):
        with pytest.raises(TaskNotFound) as refused:
            await services.tasks.get(bob, reference)
        refusals.append((refused.value.message, refused.value.next_step, refused.value.facts))
    assert refusals == [refusals[0]] * 4
    assert refusals[0][0] == "Task not found"


async def test_what_one_may_see_depends_on_the_scopes_of_this_call_not_of_an_earlier_one(
    services: Services, alice: Principal, bob: Principal
) -> None:
    task = await _make(services, alice)
    for _ in range(2):
        as_admin = Principal(bob.iss, bob.sub, frozenset({"admin"}))
        assert (await services.tasks.get(as_admin, task.id))[0].id == task.id
        for scopes in (bob.scopes, bob.scopes | {"tasks:approve"}):
            with pytest.raises(TaskNotFound):
                await services.tasks.get(Principal(bob.iss, bob.sub, scopes), task.id)


async def test_an_alias_means_the_callers_own_task_first(
    services: Services, alice: Principal, bob: Principal, admin: Principal
) -> None:
    hers, his = await _make(services, alice), await _make(services, bob)
    assert hers.alias == his.alias
    assert (await services.tasks.get(alice, "echo-1"))[0].id == hers.id
    with pytest.raises(AmbiguousAlias) as refused:
        await services.tasks.get(admin, "echo-1")
    assert set(refused.value.facts["matches"]) == {hers.id, his.id}
    own = await _make(services, admin)
    assert (await services.tasks.get(admin, "echo-1"))[0].id == own.id


async def test_an_approver_sees_what_awaits_a_decision_and_what_had_its_own(
    services: Services, alice: Principal, boss: Principal
) -> None:
    other_boss = Principal("test:issuer", "other", boss.scopes)
    waiting = await _make(services, alice, "guarded", execute=True)
    plain = await _make(services, alice)
    assert await _ids(services, boss, owner="*") == [waiting.id]
    with pytest.raises(TaskNotFound):
        await services.tasks.get(boss, plain.id)
    await services.decisions.decide(boss, waiting.id, "approved", waiting.command_digest, None)
    assert (await services.tasks.get(boss, waiting.id))[0].id == waiting.id
    with pytest.raises(TaskNotFound):
        await services.tasks.get(other_boss, waiting.id)


async def test_a_list_is_the_callers_own_newest_first_in_pages(
    services: Services, alice: Principal, bob: Principal
) -> None:
    made = [(await _make(services, alice)).id for _ in range(5)]
    await _make(services, bob)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        found, cursor = await services.tasks.page(alice, ListTasks(limit=2, cursor=cursor))
        seen += [task.id for task in found]
    assert (seen, cursor) == (made[::-1], None)


async def test_filters_are_combined(
    services: Services, alice: Principal, database: Database
) -> None:
    done = await _make(
        services, alice, labels={"team": "ops", "x.y": "1"}, execute=True, title="Grüße 100%"
    )
    await finish_one(database, Ending("succeeded"))
    waiting = await _make(services, alice, "again", labels={"team": "dev"})
    assert await _ids(services, alice, state=["succeeded"]) == [done.id]
    assert await _ids(services, alice, state=["succeeded", "created"]) == [waiting.id, done.id]
    assert await _ids(services, alice, label=["team:ops", "x.y:1"]) == [done.id]
    assert await _ids(services, alice, label=["team:ops", "x.y:2"]) == []
    assert await _ids(services, alice, command="again") == [waiting.id]
    assert await _ids(services, alice, q="100%") == [done.id]
    assert await _ids(services, alice, q="AGAIN-1") == [waiting.id]
    assert await _ids(services, alice, q="%") == [done.id]
    assert await _ids(services, alice, since=waiting.created_at) in (
        [waiting.id],
        [waiting.id, done.id],
    )
    later = waiting.created_at + timedelta(seconds=1)
    assert await _ids(services, alice, since=later) == []
    assert await _ids(services, alice, until=later) == [waiting.id, done.id]


async def test_only_an_admin_or_approver_looks_at_other_owners(
    services: Services, alice: Principal, bob: Principal, admin: Principal
) -> None:
    task = await _make(services, alice)
    assert await _ids(services, admin) == []
    assert await _ids(services, admin, owner="alice") == [task.id]
    assert await _ids(services, admin, owner="*") == [task.id]
    assert await _ids(services, alice, owner="alice") == [task.id]
    for owner in ("alice", "*"):
        with pytest.raises(NotPermitted):
            await _ids(services, bob, owner=owner)


async def test_a_cursor_of_something_else_is_refused(services: Services, alice: Principal) -> None:
    for text in ("nonsense!", "WzFd", ""):
        with pytest.raises(InvalidField):
            await services.tasks.page(alice, ListTasks(cursor=text))


async def test_the_history_comes_in_pages(services: Services, alice: Principal) -> None:
    task = await _make(services, alice, execute=True)
    await services.tasks.cancel(alice, task.id, None)
    seen: list[int] = []
    cursor: str | None = None
    while True:
        events, cursor = await services.tasks.events(
            alice, task.id, ReadEvents(limit=3, cursor=cursor)
        )
        seen += [event.seq for event in events]
        if cursor is None:
            break
    assert seen == [1, 2, 3, 4]


async def test_the_position_counts_the_owners_own_queue(
    services: Services, alice: Principal, bob: Principal
) -> None:
    await _make(services, bob, execute=True)
    first = await _make(services, alice, execute=True)
    second = await _make(services, alice, execute=True)
    urgent = await _make(services, alice, execute=True, priority=5)
    await _make(services, alice, execute=True, delay_s=60)
    found = await services.watching.find(alice, [urgent.id, first.id, second.id])
    assert [task.queue_position for task in found] == [1, 2, 3]


async def test_unknown_ones_of_several_are_all_named(services: Services, alice: Principal) -> None:
    task = await _make(services, alice)
    with pytest.raises(TaskNotFound) as refused:
        await services.watching.find(alice, [task.id, "one-1", "two-2"])
    assert refused.value.facts["unknown"] == ["one-1", "two-2"]


async def test_reading_needs_its_scope(services: Services) -> None:
    nobody = Principal("test:issuer", "alice", frozenset({"tasks:write", "commands:read"}))
    task = await _make(services, nobody)
    assert task.state is State.CREATED
    with pytest.raises(NotPermitted):
        await services.tasks.get(nobody, task.id)
    with pytest.raises(NotPermitted):
        await _ids(services, nobody)
