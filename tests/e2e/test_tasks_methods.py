"""The Tasks extension: tasks/get, tasks/update and tasks/cancel, on both roads."""

import json
from typing import Any, Final

import pytest

from support.rest_client import RestClient
from support.server import Document, Server
from support.waiting import until
from support.wire import SocketRoad, TaskClient

SHAPE: Final = {"resultType", "_meta", "taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs"}
DAY_MS: Final = 86_400_000


# -- what a task looks like


def test_a_running_task_is_working_and_has_nothing_else(tasks: TaskClient, running: str) -> None:
    task = tasks.get(running)
    assert task.keys() == SHAPE | {"statusMessage", "pollIntervalMs"}
    assert (task["status"], task["resultType"]) == ("working", "complete")
    assert task["ttlMs"] is None


def test_a_task_that_succeeded_is_completed_with_its_result_and_stays_so(
    tasks: TaskClient, agent: RestClient
) -> None:
    row = agent.start("greet", "Ada")
    task = tasks.wait(row["id"])
    assert task.keys() == SHAPE | {"statusMessage", "result"}
    assert task["result"]["resultType"] == "complete"
    assert task["result"]["structuredContent"] == {"greeting": "Hello, Ada!"}
    assert not task["result"]["isError"]
    assert all(tasks.get(row["id"]) == task for _ in range(3))


def test_a_command_that_failed_is_completed_with_a_tool_error(
    tasks: TaskClient, agent: RestClient
) -> None:
    task = tasks.wait(agent.start("fails", "3")["id"])
    assert task["status"] == "completed"
    assert task.keys() == SHAPE | {"statusMessage", "result"}
    assert task["result"]["isError"] is True
    assert "cannot open the door" in task["result"]["structuredContent"]["log_tail"]


def test_a_cancelled_task_has_no_result(tasks: TaskClient, agent: RestClient) -> None:
    row = agent.create("greet", {"a": "x"})
    agent.http.post(f"/tasks/{row['id']}/cancel")
    task = tasks.get(row["id"])
    assert task["status"] == "cancelled"
    assert task.keys() == SHAPE | {"statusMessage"}


def test_tasks_that_are_not_started_or_wait_for_a_person_are_working(
    tasks: TaskClient, agent: RestClient
) -> None:
    created = tasks.get(agent.create("greet", {"a": "x"})["id"])
    assert (created["status"], created["statusMessage"]) == ("working", "not started yet")
    guarded = tasks.get(agent.start("guarded")["id"])
    assert guarded["status"] == "working"
    assert guarded["statusMessage"] == "waiting for a person to approve it"


def test_content_blocks_go_through_as_content(tasks: TaskClient, agent: RestClient) -> None:
    result = tasks.wait(agent.start("blocks")["id"])["result"]
    assert [block["type"] for block in result["content"]] == ["text", "image"]


def test_the_life_of_a_task_is_unknown_until_its_end_and_then_counts_from_its_making(
    tasks: TaskClient, agent: RestClient
) -> None:
    row = agent.create("greet", {"a": "x"})
    assert tasks.get(row["id"])["ttlMs"] is None
    agent.http.post(f"/tasks/{row['id']}/execute")
    ended = tasks.wait(row["id"])
    row = agent.task(row["id"])
    assert ended["ttlMs"] > 30 * DAY_MS
    assert ended["createdAt"] == row["created_at"]
    assert ended["lastUpdatedAt"] == row["updated_at"]


def test_progress_is_the_message_and_moves_the_time_of_the_last_change(
    tasks: TaskClient, server: Server
) -> None:
    gate = server.path("gate")
    task_id = tasks.start("stepped", str(gate))["taskId"]

    def at_the_first_step() -> Document | None:
        task = tasks.get(task_id)
        return task if task["statusMessage"] == "1 of 2: half way" else None

    task = until(at_the_first_step, "progress") or {}
    assert tasks.get(task_id) == task
    gate.touch()
    assert tasks.wait(task_id)["lastUpdatedAt"] > task["lastUpdatedAt"]


def test_looking_at_a_task_does_not_change_it(tasks: TaskClient, running: str) -> None:
    seen = {json.dumps(tasks.get(running)) for _ in range(20)}
    assert len(seen) == 1


def test_a_poll_interval_follows_from_what_past_runs_took_and_ends_with_the_task(
    tasks: TaskClient, agent: RestClient
) -> None:
    agent.wait(agent.start("echo", "x")["id"])

    def waiting() -> str | None:
        row = agent.create("echo", {"a": "x"}, execute=True, delay_s=3600)
        return row["id"] if tasks.get(row["id"])["pollIntervalMs"] == 250 else None

    task_id = until(waiting, "statistics that know of the run")
    assert task_id
    tasks.cancel(task_id)
    assert "pollIntervalMs" not in tasks.get(task_id)


# -- tasks/cancel


def test_cancel_is_acknowledged_with_nothing_and_ends_the_task(
    tasks: TaskClient, running: str
) -> None:
    assert tasks.cancel(running).keys() == {"resultType", "_meta"}
    assert tasks.wait(running)["status"] == "cancelled"


def test_cancel_of_a_final_task_is_acknowledged_and_changes_nothing(
    tasks: TaskClient, agent: RestClient
) -> None:
    task = tasks.wait(agent.start("greet", "Ada")["id"])
    for _ in range(2):
        assert tasks.cancel(task["taskId"])["resultType"] == "complete"
    assert tasks.get(task["taskId"]) == task


def test_a_cancelled_request_cancels_no_task(server: Server, agent: RestClient) -> None:
    road, gate = SocketRoad(server), server.path("gate")
    task_id = TaskClient(road).start("gated", str(gate))["taskId"]
    cancelled = {"requestId": road.last_id}
    road.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled})
    assert TaskClient(road).get(task_id)["status"] == "working"
    gate.touch()
    assert agent.wait(task_id)["state"] == "succeeded"
    road.close()


# -- tasks/update


def test_answers_to_what_is_not_asked_are_acknowledged_and_ignored(
    tasks: TaskClient, running: str
) -> None:
    responses = {"no-such-key": {"action": "accept", "content": {"a": 1}}}
    params = {"taskId": running, "inputResponses": responses}
    before = tasks.get(running)
    acknowledged = tasks.road.request("tasks/update", params).result
    assert acknowledged.keys() == {"resultType", "_meta"}
    assert acknowledged["resultType"] == "complete"
    assert tasks.get(running) == before


@pytest.mark.parametrize("responses", [..., None, [], {"key": 1}, "text"])
def test_answers_of_another_form_are_invalid(
    tasks: TaskClient, running: str, responses: Any
) -> None:
    params = {"taskId": running} | ({} if responses is ... else {"inputResponses": responses})
    assert tasks.road.request("tasks/update", params).code == -32602
