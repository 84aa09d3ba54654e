"""Questions of running attempts: they wait without a worker, and are answered for good."""

from typing import Any

from errandry.principal import Principal
from errandry.service.forms import Answer, CreateTask, ReadEvents
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.tasks.model import State, Task
from errandry.tasks.questions import Asked, Question
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import endings, reading
from errandry.tasks.sql.database import Database
from support.work import DAY_S, claim_one, finish, finish_one

SURE = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
TWICE = RetryPolicy(max_attempts=2, base_s=1e-9, cap_s=1e-9)


def accept(**content: Any) -> Answer:
    return Answer(action="accept", content=content)


def asks(*messages: str, first: int = 1, expires_in_s: float = 60) -> Ending:
    """How an attempt ends that asks."""
    questions = {
        f"ask-{number}": Question(message, SURE, message)
        for number, message in enumerate(messages, first)
    }
    return Ending("asked", asked=Asked(questions, expires_in_s))


async def start(services: Services, who: Principal, command: str, **fields: Any) -> Task:
    form = CreateTask.model_validate({"command": command, "execute": True, **fields})
    return (await services.intake.create(who, form)).task


async def test_an_attempt_that_asks_waits_without_a_worker_for_all_of_its_answers(
    services: Services, alice: Principal, bus: StatusBus, database: Database
) -> None:
    task = await start(services, alice, "keyed")
    asked = await finish_one(database, asks("first", "second"))
    assert (asked.state, asked.attempt, asked.error) == (State.INPUT_REQUIRED, 1, None)
    assert [*(asked.input_requests or {})] == ["ask-1", "ask-2"]
    assert asked.expires_at is not None
    other = await start(services, alice, "keyed")  # it holds no slot of its key
    assert (await claim_one(database)).task_id == other.id
    unknown = {"ask-3": accept(), "ask": accept(), "ask-2": accept(sure=True)}
    with bus.subscribe([task.id]) as told:
        some = await services.answers.answer(alice, task.id, unknown)
        assert await told.wait(1)
    assert some.state is State.INPUT_REQUIRED
    assert [*(some.input_requests or {})] == ["ask-1"]
    double = await services.answers.answer(alice, task.id, {"ask-2": accept(sure=False)})
    assert double == some
    done = await services.answers.answer(alice, task.id, {"ask-1": accept(sure=False)})
    assert done.state is State.QUEUED
    assert done.expires_at is None
    events, _ = await services.tasks.events(alice, task.id, ReadEvents())
    assert [(event.type, event.attempt) for event in events][2:] == [
        ("attempt_started", 1),
        ("attempt_finished", 1),
        ("input_requested", 1),
        ("input_received", None),
        ("input_received", None),
        ("queued", None),
    ]
    _, [attempt] = await services.tasks.get(alice, task.id)
    assert attempt.outcome == "asked"


async def test_what_was_answered_is_given_to_every_later_attempt(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice, "echo", expires_in_s=600)
    await finish_one(database, asks("first"))
    await services.answers.answer(alice, task.id, {"ask-1": accept(sure=True)})
    await finish_one(database, asks("second", first=2))
    await services.answers.answer(alice, task.id, {"ask-2": accept(sure=False)})
    memory = {
        "ask-1": {"digest": "first", "content": {"sure": True}},
        "ask-2": {"digest": "second", "content": {"sure": False}},
    }
    states = []
    for attempt in (3, 4):
        claimed = await claim_one(database)
        assert (claimed.attempt, claimed.questions) == (attempt, memory)
        ended = await finish(database, claimed, Ending("failed"), TWICE)
        assert ended is not None
        states.append(ended.state)
    assert states == [State.QUEUED, State.FAILED]  # the attempts that asked do not count


async def test_a_cancel_that_was_asked_for_goes_before_a_question(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice, "echo")
    claimed = await claim_one(database)
    await services.tasks.cancel(alice, task.id, None)
    ended = await finish(database, claimed, asks("too late"))
    assert ended is not None
    assert (ended.state, ended.input_requests) == (State.CANCELLED, None)


async def test_a_worker_that_was_given_up_asks_nothing(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice, "survivor")
    claimed = await claim_one(database)
    again = RetryPolicy(on_crash="retry")
    await endings.finish(database, task.id, 1, Ending("lost"), again, DAY_S)
    assert await finish(database, claimed, asks("late")) is None
    assert (await reading.get(database, alice, task.id)).state is State.QUEUED
