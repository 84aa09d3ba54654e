"""Taking tasks in: durable, numbered, once per key."""

from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from errandry import clock
from errandry.errors import (
    CommandNotFound,
    IdempotencyConflict,
    InvalidArguments,
    InvalidCommand,
    NotPermitted,
    TaskActive,
)
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ListTasks, ReadEvents, RetryTask
from errandry.service.services import Services
from errandry.tasks import ids
from errandry.tasks.model import State
from errandry.tasks.retry import Ending
from errandry.tasks.sql import claims
from errandry.tasks.sql.database import Database
from support.work import NEVER_AGAIN, finish_one


async def test_a_new_task_waits_with_its_defaults_filled_in(
    services: Services, alice: Principal
) -> None:
    accepted = await services.intake.create(alice, CreateTask(command="echo"))
    task = accepted.task
    assert not accepted.replayed
    assert ids.is_id(task.id)
    assert (task.alias, task.state, task.revision, task.attempt) == ("echo-1", State.CREATED, 1, 0)
    assert task.arguments == {"text": "hello"}
    assert (task.owner.iss, task.owner.sub) == (alice.iss, alice.sub)


async def test_aliases_count_per_owner_and_command_and_never_come_back(
    services: Services, alice: Principal, bob: Principal
) -> None:
    made = [
        (await services.intake.create(who, CreateTask(command=command))).task
        for who, command in [(alice, "echo"), (alice, "echo"), (alice, "again"), (bob, "echo")]
    ]
    assert [task.alias for task in made] == ["echo-1", "echo-2", "again-1", "echo-1"]
    await services.tasks.delete(alice, "echo-2", None)
    assert (await services.intake.create(alice, CreateTask(command="echo"))).task.alias == "echo-3"


async def test_execute_puts_it_into_the_queue_and_wakes_the_delivery(
    services: Services, alice: Principal, wakes: list[None]
) -> None:
    task = (await services.intake.create(alice, CreateTask(command="echo", execute=True))).task
    assert (task.state, task.queue_position, len(wakes)) == (State.QUEUED, 1, 1)
    events, _ = await services.tasks.events(alice, task.id, ReadEvents())
    assert [(event.seq, event.type) for event in events] == [(1, "created"), (2, "queued")]
    assert events[1].data == {"run_at": None, "reason": "execute"}


async def test_a_delay_becomes_a_moment_before_which_it_is_not_claimed(
    services: Services, alice: Principal, database: Database
) -> None:
    form = CreateTask(command="echo", execute=True, delay_s=60)
    before = clock.now()
    task = (await services.intake.create(alice, form)).task
    assert task.run_at is not None
    assert task.run_at >= before + timedelta(seconds=60)
    assert task.queue_position is None
    assert await claims.claim(database, "worker", 10, 15) == []


async def test_the_same_key_and_request_give_the_same_task_and_start_nothing(
    services: Services, alice: Principal, wakes: list[None]
) -> None:
    form = CreateTask(command="echo", execute=True)
    first = await services.intake.create(alice, form, "key")
    second = await services.intake.create(alice, form, "key")
    assert (second.task, second.replayed, len(wakes)) == (first.task, True, 1)
    assert first.task.idempotency_key == "key"


@pytest.mark.parametrize(
    "other",
    [
        CreateTask(command="echo", arguments={"text": "other"}),
        CreateTask(command="again"),
        CreateTask(command="echo", title="other"),
        CreateTask(command="echo", labels={"a": "b"}),
        CreateTask(command="echo", priority=1),
        CreateTask(command="echo", delay_s=1),
        CreateTask(command="echo", execute=True),
    ],
)
async def test_the_same_key_with_another_request_is_a_conflict(
    services: Services, alice: Principal, other: CreateTask
) -> None:
    await services.intake.create(alice, CreateTask(command="echo"), "key")
    with pytest.raises(IdempotencyConflict):
        await services.intake.create(alice, other, "key")


async def test_keys_belong_to_their_owner(
    services: Services, alice: Principal, bob: Principal
) -> None:
    one = await services.intake.create(alice, CreateTask(command="echo"), "key")
    two = await services.intake.create(bob, CreateTask(command="again"), "key")
    assert one.task.id != two.task.id


async def test_many_at_once_with_one_key_make_one_task(
    services: Services, alice: Principal
) -> None:
    made: list[str] = []

    async def create() -> None:
        made.append(
            (await services.intake.create(alice, CreateTask(command="echo"), "key")).task.id
        )

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(create)
    assert len(made) == 20
    assert len(set(made)) == 1


async def test_what_is_wrong_is_refused_and_nothing_is_stored(
    services: Services, alice: Principal
) -> None:
    with pytest.raises(CommandNotFound) as unknown:
        await services.intake.create(alice, CreateTask(command="ecko"))
    assert unknown.value.facts["did_you_mean"][0] == "echo"
    with pytest.raises(InvalidArguments) as wrong:
        await services.intake.create(
            alice, CreateTask(command="echo", arguments={"text": 5, "x": 1})
        )
    assert {fault.path for fault in wrong.value.faults} == {"/arguments/text", "/arguments/x"}
    with pytest.raises(InvalidCommand):
        await services.intake.create(alice, CreateTask(command="foreign", execute=True))
    assert await _all(services, alice) == []


async def test_a_command_beyond_this_release_can_be_made_and_not_started(
    services: Services, alice: Principal
) -> None:
    task = (await services.intake.create(alice, CreateTask(command="foreign"))).task
    with pytest.raises(InvalidCommand, match="mcp"):
        await services.intake.execute(alice, task.id)


async def test_without_the_scope_nothing_is_made(services: Services) -> None:
    reader = Principal("test:issuer", "alice", frozenset({"tasks:read"}))
    with pytest.raises(NotPermitted) as refused:
        await services.intake.create(reader, CreateTask(command="echo"))
    assert refused.value.facts["required_scopes"] == ["tasks:write"]
    assert await _all(services, reader) == []


async def test_a_retry_is_a_new_task_of_the_same_version_and_arguments(
    services: Services, alice: Principal, database: Database
) -> None:
    form = CreateTask(
        command="echo", arguments={"text": "x"}, title="t", labels={"a": "b"}, execute=True
    )
    task = (await services.intake.create(alice, form)).task
    with pytest.raises(TaskActive):
        await services.intake.retry(alice, task.id, RetryTask())
    await finish_one(database, Ending("failed"), NEVER_AGAIN)
    again = (await services.intake.retry(alice, task.id, RetryTask(), "key")).task
    assert (again.retry_of, again.arguments, again.command_digest) == (
        task.id,
        task.arguments,
        task.command_digest,
    )
    assert (again.title, again.labels, again.state) == ("t", {"a": "b"}, State.QUEUED)
    replayed = await services.intake.retry(alice, task.id, RetryTask(), "key")
    assert (replayed.task.id, replayed.replayed) == (again.id, True)
    with pytest.raises(IdempotencyConflict):
        await services.intake.retry(alice, task.id, RetryTask(arguments={"text": "y"}), "key")


async def test_a_retry_may_take_other_arguments_and_the_current_version(
    services: Services, alice: Principal
) -> None:
    task = (await services.intake.create(alice, CreateTask(command="echo"))).task
    await services.tasks.cancel(alice, task.id, None)
    form = RetryTask(arguments={"text": "new"}, version="current")
    assert (await services.intake.retry(alice, task.id, form)).task.arguments == {"text": "new"}
    with pytest.raises(InvalidArguments):
        await services.intake.retry(alice, task.id, RetryTask(arguments={"text": 1}))


async def _all(services: Services, who: Principal) -> list[str]:
    found, _ = await services.tasks.page(who, ListTasks())
    return [task.id for task in found]


async def test_a_key_answers_even_when_its_command_is_gone(
    services: Services, alice: Principal, tmp_path: Path
) -> None:
    form = CreateTask(command="echo")
    first = await services.intake.create(alice, form, "key")
    (tmp_path / "commands" / "echo.json").unlink()
    again = await services.intake.create(alice, form, "key")
    assert (again.task, again.replayed) == (first.task, True)
    with pytest.raises(CommandNotFound):
        await services.intake.create(alice, form, "other")
