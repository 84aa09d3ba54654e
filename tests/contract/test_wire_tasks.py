"""Tasks of the store as those of the MCP extension: states, messages, times, results."""

from types import SimpleNamespace
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from errandry import clock
from errandry.errors import Unavailable
from errandry.mcp.outcomes import RUN_COMMAND
from errandry.mcp.tasks import Task as WireTask
from errandry.mcp.wiretasks import WireTasks
from errandry.principal import Principal
from errandry.service.forms import CreateTask, UpdateTask
from errandry.service.services import Services
from errandry.service.statistics import MOST_INTERVALS
from errandry.tasks.model import Progress, TaskError
from errandry.tasks.retry import Ending
from errandry.tasks.sql import reports
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.logs import LogBatch
from errandry.tasks.sql.reports import Report
from support.databases import Cut
from support.work import claim_one, finish, finish_one

CONTEXT: Any = SimpleNamespace()


@pytest.fixture
def wire(services: Services, alice: Principal) -> WireTasks:
    """The tasks of alice, on the wire."""
    return tasks_of(services, alice)


def tasks_of(services: Services, caller: Principal) -> WireTasks:
    return WireTasks(services, lambda _: caller)


async def make(
    wire: WireTasks, command: str = "echo", *, tool: str | None = None, execute: bool = True
) -> str:
    form = CreateTask(command=command, execute=execute)
    caller = wire.caller_of(CONTEXT)
    return (await wire.services.intake.create(caller, form, tool=tool)).task.id


async def look(wire: WireTasks, task_id: str) -> WireTask:
    task = await wire.get(CONTEXT, task_id)
    assert task is not None
    return task


async def tell(database: Database, claim: Claim, progress: Progress | None, line: str) -> None:
    report = Report(claim.task_id, claim.attempt, progress, line, LogBatch([]))
    await reports.report(database, [report])


async def test_a_fault_of_ours_is_a_failed_task_with_an_error(
    wire: WireTasks, database: Database
) -> None:
    task_id = await make(wire)
    await finish_one(database, Ending("failed", error=TaskError("internal", "It broke", attempt=1)))
    task = await look(wire, task_id)
    assert (task.status, task.message, task.result) == ("failed", "It broke", None)
    assert task.error is not None
    assert (task.error.code, task.error.message) == (-32603, "It broke")


@pytest.mark.parametrize("code", ["exit_code", "timeout", "attempt_lost", "result_invalid"])
async def test_any_other_failure_is_completed_with_a_tool_error(
    wire: WireTasks, database: Database, code: str
) -> None:
    task_id = await make(wire)
    await finish_one(database, Ending("failed", error=TaskError(code, "It failed", attempt=1)))
    task = await look(wire, task_id)
    assert (task.status, task.message, task.error) == ("completed", "It failed", None)
    assert task.result is not None
    assert task.result["isError"]
    assert task.result["structuredContent"]["task"]["error"]["code"] == code


async def test_a_result_has_the_form_of_the_tool_that_made_the_task(
    wire: WireTasks, database: Database
) -> None:
    forms = {}
    for tool in (RUN_COMMAND, None):
        task_id = await make(wire, tool=tool)
        await finish_one(database, Ending("succeeded", {"n": 1}))
        task = await look(wire, task_id)
        assert task.result is not None
        forms[tool] = task.result["structuredContent"]
    assert forms[None] == {"n": 1}
    assert forms[RUN_COMMAND].keys() == {"task", "result", "log_tail", "next"}
    assert forms[RUN_COMMAND]["result"] == {"n": 1}


async def test_the_life_of_a_task_is_known_at_its_end(wire: WireTasks, database: Database) -> None:
    for command, keep_s in (("short-lived", 60), ("echo", 86_400)):
        task_id = await make(wire, command)
        assert (await look(wire, task_id)).ttl_ms is None
        await finish_one(database, Ending("succeeded", {}))
        row, _ = await wire.services.tasks.get(wire.caller_of(CONTEXT), task_id)
        assert row.finished_at is not None
        took_ms = round((row.finished_at - row.created_at).total_seconds() * 1000)
        assert (await look(wire, task_id)).ttl_ms == took_ms + keep_s * 1000


@pytest.mark.parametrize(
    ("progress", "message"),
    [
        (None, "running"),
        (Progress(), "running"),
        (Progress(3), "3"),
        (Progress(3, 10), "3 of 10"),
        (Progress(2.5, 10, "third of ten"), "2.5 of 10: third of ten"),
        (Progress(message="half way"), "half way"),
    ],
)
async def test_the_message_of_a_running_task_is_its_progress(
    wire: WireTasks, database: Database, progress: Progress | None, message: str
) -> None:
    task_id = await make(wire)
    await tell(database, await claim_one(database), progress, "a line")
    assert (await look(wire, task_id)).message == message


async def test_the_time_of_the_last_change_moves_with_progress_and_not_with_the_log(
    wire: WireTasks, database: Database
) -> None:
    task_id = await make(wire)
    claim = await claim_one(database)
    claimed = await look(wire, task_id)
    await tell(database, claim, None, "one")
    assert await look(wire, task_id) == claimed
    while clock.now() == claimed.updated_at:
        pass
    await tell(database, claim, Progress(1, 2), "two")
    moved = await look(wire, task_id)
    assert moved.updated_at > claimed.updated_at
    await tell(database, claim, Progress(1, 2), "three")
    assert await look(wire, task_id) == moved


async def test_a_task_that_is_asked_to_end_says_so(wire: WireTasks, database: Database) -> None:
    task_id = await make(wire)
    claim = await claim_one(database)
    await wire.cancel(CONTEXT, task_id)
    task = await look(wire, task_id)
    assert (task.status, task.message) == ("working", "being cancelled")
    await finish(database, claim, Ending("cancelled"))
    assert (await look(wire, task_id)).status == "cancelled"


async def test_a_task_that_ended_well_before_its_cancel_arrived_is_completed(
    wire: WireTasks, database: Database
) -> None:
    task_id = await make(wire)
    claim = await claim_one(database)
    await wire.cancel(CONTEXT, task_id)
    await finish(database, claim, Ending("succeeded", {}))
    ended = await look(wire, task_id)
    assert ended.status == "completed"
    await wire.cancel(CONTEXT, task_id)
    assert await look(wire, task_id) == ended


async def test_a_poll_interval_stays_until_the_task_changes(
    wire: WireTasks, services: Services, database: Database, alice: Principal
) -> None:
    task_id = await make(wire)
    assert (await look(wire, task_id)).poll_ms == 1000
    urgent = CreateTask(command="echo", execute=True, priority=1)
    await services.intake.create(alice, urgent)
    await finish_one(database, Ending("succeeded", {}))
    services.statistics._known.clear()
    assert (await look(wire, await make(wire))).poll_ms == 250
    assert (await look(wire, task_id)).poll_ms == 1000
    await services.tasks.update(alice, task_id, UpdateTask(title="x"), None)
    assert (await look(wire, task_id)).poll_ms == 250


async def test_so_many_poll_intervals_are_kept_and_no_more(
    wire: WireTasks, services: Services
) -> None:
    for number in range(MOST_INTERVALS):
        services.statistics._intervals[f"tsk_{number}"] = (1, 250)
    await look(wire, task_id := await make(wire))
    assert services.statistics._intervals.keys() == {task_id}


async def test_only_ids_name_tasks_and_only_own_ones(
    wire: WireTasks, services: Services, bob: Principal, admin: Principal
) -> None:
    task_id = await make(wire)
    assert await wire.get(CONTEXT, "echo-1") is None
    for caller in (bob, admin):
        assert await tasks_of(services, caller).get(CONTEXT, task_id) is None


async def test_watching_tells_which_of_the_own_tasks_to_look_at(
    wire: WireTasks, services: Services, bob: Principal, alice: Principal
) -> None:
    task_id = await make(wire, execute=False)
    with wire.watch(CONTEXT, [task_id]) as wakeups:
        assert await wakeups.wait(0) is None
        await make(tasks_of(services, bob))
        await services.tasks.update(alice, task_id, UpdateTask(title="x"), None)
        assert await wakeups.wait(30) == [task_id]


async def test_a_task_that_asks_shows_what_it_asks_until_it_is_answered(wire: WireTasks) -> None:
    task_id = await make(wire, "asking")
    asking = await look(wire, task_id)
    assert (asking.status, asking.message) == ("input_required", "waiting for an answer")
    assert asking.input_requests is not None
    assert asking.input_requests["ask"]["method"] == "elicitation/create"
    answer = {"action": "accept", "content": {"word": "yes"}, "_meta": {}}
    await wire.answer(CONTEXT, task_id, {"ask": answer})
    going_on = await look(wire, task_id)
    assert (going_on.status, going_on.input_requests) == ("working", None)


@pytest.mark.parametrize("answer", [{}, {"action": "maybe"}, {"action": "accept", "content": 1}])
async def test_what_is_no_answer_is_invalid(wire: WireTasks, answer: dict[str, Any]) -> None:
    task_id = await make(wire, "asking")
    with pytest.raises(MCPError) as caught:
        await wire.answer(CONTEXT, task_id, {"ask": answer})
    assert caught.value.error.code == -32602
    assert (await look(wire, task_id)).status == "input_required"


async def test_a_database_that_does_not_answer_is_an_internal_error(
    wire: WireTasks, cut: Cut
) -> None:
    task_id = await make(wire)
    await cut()
    with pytest.raises(MCPError) as caught:
        await wire.get(CONTEXT, task_id)
    assert caught.value.error.code == -32603
    assert caught.value.error.data["code"] == Unavailable.code
