"""Questions before the start: asked, answered, declined, given up."""

from pathlib import Path
from typing import Any

import pytest

from errandry.errors import InvalidArguments, NotPermitted, TaskNotFound
from errandry.principal import Principal
from errandry.service.forms import Answer, CreateTask, ReadEvents, UpdateTask
from errandry.service.services import Services
from errandry.tasks import wire
from errandry.tasks.model import State, Task
from errandry.tasks.sql import changing, claims, reading
from errandry.tasks.sql import questions as store
from errandry.tasks.sql.database import Database
from support.definitions import FORM, definition, write
from support.work import DAY_S, claim_one


def accept(**content: Any) -> Answer:
    return Answer(action="accept", content=content)


async def start(services: Services, who: Principal, command: str, **fields: Any) -> Task:
    form = CreateTask.model_validate({"command": command, "execute": True, **fields})
    return (await services.intake.create(who, form)).task


async def types(services: Services, who: Principal, task: Task) -> list[str]:
    events, _ = await services.tasks.events(who, task.id, ReadEvents(limit=100))
    return [event.type for event in events]


async def test_a_command_that_asks_waits_and_goes_on_with_the_answer(
    services: Services, alice: Principal, database: Database, wakes: list[None]
) -> None:
    task = await start(services, alice, "asking", arguments={"text": "sent"}, delay_s=0)
    assert task.state is State.INPUT_REQUIRED
    assert task.input_requests is not None
    params = task.input_requests["ask"]["params"]
    assert params["message"] == "Which word?"
    assert params["requestedSchema"]["properties"] == FORM["properties"]
    assert task.expires_at is not None
    assert (task.expires_at - task.created_at).total_seconds() == 3600
    assert wakes == []
    assert await claims.claim(database, "worker", 1, 15) == []
    task = await services.answers.answer(alice, task.id, {"ask": accept(word="x")})
    assert (task.state, task.input_requests, task.expires_at) == (State.QUEUED, None, None)
    assert len(wakes) == 1
    assert task.arguments == {"text": "sent"}
    claimed = await claim_one(database)
    assert claimed.arguments == {"text": "sent", "word": "x", "times": 1}
    events, _ = await services.tasks.events(alice, task.id, ReadEvents())
    assert [(event.type, event.data) for event in events[1:4]] == [
        ("input_requested", {"keys": ["ask"]}),
        ("input_received", {"actions": {"ask": "accept"}}),
        ("queued", {"run_at": wire.task(task)["run_at"], "reason": "answered"}),
    ]
    assert events[2].actor == task.owner


async def test_an_executed_task_asks_as_well(services: Services, alice: Principal) -> None:
    made = (await services.intake.create(alice, CreateTask(command="asking"))).task
    assert made.input_requests is None
    task, started = await services.intake.execute(alice, made.id)
    assert started
    assert task.state is State.INPUT_REQUIRED
    assert await types(services, alice, task) == ["created", "input_requested"]


async def test_approval_comes_first_then_the_question(
    services: Services, alice: Principal, boss: Principal
) -> None:
    task = await start(services, alice, "guarded-asking")
    assert task.state is State.AWAITING_APPROVAL
    ignored = await services.answers.answer(alice, task.id, {"ask": accept(word="early")})
    assert ignored == task
    digest = task.command_digest
    task = await services.decisions.decide(boss, task.id, "approved", digest, None)
    assert task.state is State.INPUT_REQUIRED
    with pytest.raises(NotPermitted):  # who decided sees it, and that is all
        await services.answers.answer(boss, task.id, {"ask": accept(word="x")})
    task = await services.answers.answer(alice, task.id, {"ask": accept(word="x")})
    assert task.state is State.QUEUED
    assert await types(services, alice, task) == [
        *("created", "approval_requested", "approved"),
        *("input_requested", "input_received", "queued"),
    ]


async def test_who_was_asked_beforehand_is_not_asked_again(
    services: Services, alice: Principal, boss: Principal, database: Database
) -> None:
    form = CreateTask(command="guarded-asking", execute=True)
    with pytest.raises(InvalidArguments) as refused:
        await services.intake.create(alice, form, content={"word": 5})
    assert [fault.path for fault in refused.value.faults] == ["/responses/ask/content/word"]
    task = (await services.intake.create(alice, form, content={"word": "x"})).task
    digest = task.command_digest
    task = await services.decisions.decide(boss, task.id, "approved", digest, None)
    assert task.state is State.QUEUED
    assert (await claim_one(database)).arguments["word"] == "x"


async def test_an_answer_that_does_not_fit_is_refused_and_changes_nothing(
    services: Services, alice: Principal
) -> None:
    task = await start(services, alice, "asking")
    answer = {"ask": accept(times="2", wort="x")}
    with pytest.raises(InvalidArguments) as refused:
        await services.answers.answer(alice, task.id, answer)
    assert {fault.path for fault in refused.value.faults} == {
        f"/responses/ask/content/{name}" for name in ("word", "times", "wort")
    }
    assert await reading.get(services.answers.database, alice, task.id) == task


async def test_an_answer_that_the_program_cannot_be_given_is_refused(
    services: Services, alice: Principal, database: Database, tmp_path: Path
) -> None:
    run = {"process": {"argv": ["printf", "{word}"]}}
    write(tmp_path / "commands", definition("plain-asking", ask=FORM, run=run))
    task = await start(services, alice, "plain-asking")
    with pytest.raises(InvalidArguments) as refused:
        await services.answers.answer(alice, task.id, {"ask": accept(word="-x")})
    assert [fault.path for fault in refused.value.faults] == ["/responses/ask/content/word"]


async def test_a_place_that_only_an_answer_fills_is_no_fault_before_it(
    services: Services, alice: Principal, tmp_path: Path
) -> None:
    http = {"method": "GET", "url": "http://example.org/{word}/{text}"}
    write(tmp_path / "commands", definition("web-asking", ask=FORM, run={"http": http}))
    task = await start(services, alice, "web-asking")
    assert task.state is State.INPUT_REQUIRED
    with pytest.raises(InvalidArguments) as refused:
        await start(services, alice, "web-asking", arguments={"text": ".."})
    assert [fault.path for fault in refused.value.faults] == ["/arguments/text"]


async def test_the_concurrency_key_is_made_of_the_answer(
    services: Services, alice: Principal, database: Database, tmp_path: Path
) -> None:
    write(
        tmp_path / "commands", definition("keyed-asking", ask=FORM, concurrency={"key": "w-{word}"})
    )
    for _ in range(2):
        task = await start(services, alice, "keyed-asking")
        await services.answers.answer(alice, task.id, {"ask": accept(word="same")})
    assert len(await claims.claim(database, "worker", 2, 15)) == 1


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_who_does_not_answer_ends_the_task(
    services: Services, alice: Principal, action: str
) -> None:
    task = await start(services, alice, "asking")
    answer = Answer.model_validate({"action": action})
    task = await services.answers.answer(alice, task.id, {"ask": answer})
    assert task.state is State.FAILED
    assert task.error is not None
    assert (task.error.code, task.error.attempt) == ("input_declined", None)
    assert task.input_requests is None
    assert (await types(services, alice, task))[-2:] == ["input_received", "finished"]
    late = await services.answers.answer(alice, task.id, {"ask": accept(word="x")})
    assert late == task


async def test_only_the_owner_or_an_admin_answers(
    services: Services, alice: Principal, bob: Principal, admin: Principal
) -> None:
    task = await start(services, alice, "asking")
    reader = Principal(alice.iss, alice.sub, frozenset({"tasks:read"}))
    with pytest.raises(NotPermitted):
        await services.answers.answer(reader, task.id, {"ask": accept(word="x")})
    with pytest.raises(TaskNotFound):
        await services.answers.answer(bob, task.id, {"ask": accept(word="x")})
    task = await services.answers.answer(admin, task.id, {"ask": accept(word="x")})
    assert task.state is State.QUEUED


async def test_nobody_who_answers_in_time_ends_the_task(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice, "asking", expires_in_s=1e-6)
    [swept] = await changing.sweep(database, DAY_S)
    assert swept.id == task.id
    task = await reading.get(database, alice, task.id)
    assert (task.state, task.input_requests) == (State.FAILED, None)
    assert task.error is not None
    assert task.error.code == "input_expired"


async def test_a_cancel_ends_what_waits_for_an_answer(services: Services, alice: Principal) -> None:
    task = await start(services, alice, "asking")
    task = await services.tasks.update(alice, task.id, UpdateTask(priority=5), None)
    task = await services.tasks.cancel(alice, task.id, None)
    assert (task.state, task.input_requests) == (State.CANCELLED, None)


async def test_of_two_answers_at_once_one_counts_and_the_other_looks_again(
    services: Services, alice: Principal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await start(services, alice, "asking")
    accept_once = store.accept

    async def overtaken(*arguments: Any, **derived: Any) -> bool:
        monkeypatch.setattr(store, "accept", accept_once)
        await services.answers.answer(alice, task.id, {"ask": accept(word="first")})
        return await accept_once(*arguments, **derived)

    monkeypatch.setattr(store, "accept", overtaken)
    answered = await services.answers.answer(alice, task.id, {"ask": accept(word="second")})
    assert answered.state is State.QUEUED
    assert (await claim_one(database)).arguments["word"] == "first"


async def test_a_concise_task_shows_what_it_asks_and_only_then(
    services: Services, alice: Principal
) -> None:
    task = await start(services, alice, "asking")
    assert wire.concise(task)["input_requests"] == task.input_requests
    task = await services.answers.answer(alice, task.id, {"ask": accept(word="x")})
    assert "input_requests" not in wire.concise(task)
