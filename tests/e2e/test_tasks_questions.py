"""The Tasks extension: questions of a task, shown, pushed and answered, on both roads."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from support.rest_client import RestClient, calling
from support.server import Document, Server, serving, shell
from support.wire import HttpRoad, TaskClient

FORM: Final[Document] = {
    "type": "object",
    "description": "Really?",
    "properties": {"sure": {"type": "boolean"}},
    "required": ["sure"],
}
YES: Final[Document] = {"action": "accept", "content": {"sure": True}}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(shell("delete", "echo deleted", ask=FORM), task_after_s="0") as server:
        yield server


@pytest.fixture
def agent(server: Server) -> Iterator[RestClient]:
    with calling(server, "agent") as client:
        yield client


def update(tasks: TaskClient, task_id: str, responses: Any) -> Any:
    params = {"taskId": task_id, "inputResponses": responses}
    return tasks.road.request("tasks/update", params)


def test_a_task_that_asks_is_answered_with_at_once_and_shows_its_questions(
    tasks: TaskClient,
) -> None:
    made = tasks.start("delete")
    assert made["status"] == "input_required"
    assert "inputRequests" not in made
    task = tasks.get(made["taskId"])
    assert not task.keys() & {"result", "error"}
    assert task["resultType"] == "complete"
    (question,) = task["inputRequests"].values()
    assert question["method"] == "elicitation/create"
    assert question["params"]["message"] == "Really?"
    assert question["params"]["requestedSchema"]["properties"] == FORM["properties"]
    tasks.cancel(made["taskId"])


def test_an_answer_is_acknowledged_with_nothing_and_lets_the_task_go_on(tasks: TaskClient) -> None:
    task_id = tasks.start("delete")["taskId"]
    (key,) = tasks.get(task_id)["inputRequests"]
    acknowledged = update(tasks, task_id, {key: YES, "no-such-key": YES}).result
    assert acknowledged.keys() == {"resultType", "_meta"}
    assert acknowledged["resultType"] == "complete"
    ended = tasks.wait(task_id)
    assert ended["status"] == "completed"
    assert ended["result"]["structuredContent"]["output"] == "deleted\n"
    assert update(tasks, task_id, {key: YES}).result.keys() == {"resultType", "_meta"}
    assert tasks.get(task_id) == ended


def test_unknown_keys_alone_change_nothing(tasks: TaskClient) -> None:
    task_id = tasks.start("delete")["taskId"]
    before = tasks.get(task_id)
    assert update(tasks, task_id, {"no-such-key": YES}).result["resultType"] == "complete"
    assert tasks.get(task_id) == before
    tasks.cancel(task_id)


def test_an_answer_that_does_not_fit_is_invalid_and_changes_nothing(tasks: TaskClient) -> None:
    task_id = tasks.start("delete")["taskId"]
    before = tasks.get(task_id)
    (key,) = before["inputRequests"]
    for content in ({"sure": "yes"}, {"other": True}, {}):
        refused = update(tasks, task_id, {key: {"action": "accept", "content": content}})
        assert refused.code == -32602
        assert refused.error["data"]["code"] == "invalid_arguments"
    assert tasks.get(task_id) == before
    tasks.cancel(task_id)


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_question_that_is_not_answered_ends_the_task_with_a_tool_error(
    tasks: TaskClient, agent: RestClient, action: str
) -> None:
    task_id = tasks.start("delete")["taskId"]
    (key,) = tasks.get(task_id)["inputRequests"]
    update(tasks, task_id, {key: {"action": action}})
    task = tasks.wait(task_id)
    assert (task["status"], task["result"]["isError"]) == ("completed", True)
    assert agent.task(task_id)["error"]["code"] == "input_declined"


def test_questions_are_pushed(tasks: TaskClient, agent: RestClient) -> None:
    row = agent.create("delete")
    with tasks.road.listen(taskIds=[row["id"]]) as frames:
        next(frames)
        agent.http.post(f"/tasks/{row['id']}/execute")
        seen = []
        for frame in frames:
            if "result" in frame:
                break
            params = frame["params"]
            seen.append(params["status"])
            if params["status"] == "input_required":
                (key,) = params["inputRequests"]
                answer = {"responses": {key: YES}}
                assert agent.http.post(f"/tasks/{row['id']}/input", json=answer).is_success
    assert "input_required" in seen
    assert seen[-1] == "completed"


def test_a_task_keeps_asking_after_the_death_of_the_server() -> None:
    with serving(shell("delete", "echo deleted", ask=FORM)) as server:
        with calling(server, "agent") as agent:
            task_id = agent.create("delete", execute=True)["id"]
        client = TaskClient(HttpRoad(server))
        before = client.get(task_id)
        server.kill9()
        server.start()
        assert client.get(task_id) == before
        (key,) = before["inputRequests"]
        update(client, task_id, {key: YES})
        assert client.wait(task_id)["status"] == "completed"
        client.close()
