"""The Tasks extension: who gets a task instead of a result, and when, on both roads."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e.commands import GATED, GREETING
from support.rest_client import RestClient, calling
from support.server import Document, Server, serving, shell
from support.wire import KNOWS_TASKS, PREFIX, TASKS, HttpRoad, TaskClient

GREET: Final = 'printf \'{"greeting": "Hello, %s!"}\' "$1" > "$ERRANDRY_RESULT"'
SHAPE: Final = {"taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs"}
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
STRANGERS: Final[dict[str, Document]] = {
    "nothing": {},
    "elicitation": {"elicitation": {"form": {}}},
    "no extension": {"extensions": {}},
    "another extension": {"extensions": {f"{PREFIX}other": {}}},
    "experimental": {"experimental": {TASKS: {}}},
    "the tasks of 2025-11-25": {"tasks": {"requests": {"tools": {"call": {}}}}},
}
"""What clients declare that do not know the tasks of the extension."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that waits long for results before it answers with a task."""
    commands = (
        shell("greet", GREET, "a", result=GREETING),
        shell("at-once", GREET, "a", task="always"),
        shell("never", GATED, "a", task="never", wait_s=0),
        shell("gated", GATED, "a", wait_s=0),
        shell("guarded", "echo approved", approval="always"),
        shell("fails", 'echo "cannot open the door" >&2; exit 3'),
    )
    with serving(*commands, task_after_s="45") as server:
        yield server


@pytest.fixture
def agent(server: Server) -> Iterator[RestClient]:
    with calling(server, "agent") as client:
        yield client


def test_the_extension_is_advertised_as_an_empty_object_and_the_old_one_is_not(
    tasks: TaskClient,
) -> None:
    capabilities = tasks.road.request("server/discover").result["capabilities"]
    assert capabilities["extensions"] == {TASKS: {}}
    assert "tasks" not in capabilities


def test_a_result_that_is_there_in_time_comes_inline(tasks: TaskClient) -> None:
    result = tasks.call("greet", "Ada")
    assert result["resultType"] == "complete"
    assert result["structuredContent"] == {"greeting": "Hello, Ada!"}


def test_a_command_that_says_always_is_a_task_at_once(tasks: TaskClient) -> None:
    task = tasks.start("at-once", "Ada")
    assert tasks.wait(task["taskId"])["result"]["structuredContent"] == {"greeting": "Hello, Ada!"}


def test_a_command_that_says_never_is_no_task_but_a_handle(
    tasks: TaskClient, server: Server, agent: RestClient
) -> None:
    gate = server.path("gate")
    result = tasks.call("never", str(gate))
    assert result["resultType"] == "complete"
    assert "taskId" not in result
    gate.touch()
    agent.wait(result["structuredContent"]["task"]["id"], "succeeded")


def test_run_command_is_answered_with_a_task_too(tasks: TaskClient, server: Server) -> None:
    gate = server.path("gate")
    arguments = {"command": "gated", "arguments": {"a": str(gate)}, "wait_s": 0}
    task = tasks.start("run_command", arguments=arguments)
    gate.touch()
    ended = tasks.wait(task["taskId"])
    structured = ended["result"]["structuredContent"]
    assert structured.keys() == {"task", "result", "log_tail", "next"}
    assert structured["log_tail"] == "begun\nended\n"
    assert structured["task"]["id"] == task["taskId"]


def test_a_task_that_starts_later_is_answered_at_once(tasks: TaskClient) -> None:
    arguments = {"command": "greet", "arguments": {"a": "x"}, "delay_s": 3600}
    task = tasks.start("run_command", arguments=arguments)
    assert (task["status"], task["statusMessage"]) == ("working", "queued")
    tasks.cancel(task["taskId"])


def test_a_task_that_needs_a_person_is_answered_at_once(tasks: TaskClient, server: Server) -> None:
    task = tasks.start("guarded")
    assert task["status"] == "working"
    assert task["statusMessage"] == "waiting for a person to approve it"
    assert task["pollIntervalMs"] == 5000
    with calling(server, "approver", "tasks:approve") as approver:
        digest = approver.task(task["taskId"])["command_digest"]
        approver.http.post(f"/tasks/{task['taskId']}/approve", json={"digest": digest})
    assert tasks.wait(task["taskId"])["status"] == "completed"


def test_a_task_is_flat_with_every_key_and_no_other(tasks: TaskClient, server: Server) -> None:
    gate = server.path("gate")
    task = tasks.start("gated", str(gate))
    more = {"resultType", "statusMessage", "pollIntervalMs", "_meta"}
    assert task.keys() == SHAPE | more
    assert task["_meta"].keys() == {f"{PREFIX}serverInfo"}
    assert re.fullmatch(r"tsk_[0-9a-f]{32}", task["taskId"])
    assert TIME.fullmatch(task["createdAt"])
    assert TIME.fullmatch(task["lastUpdatedAt"])
    assert task["ttlMs"] is None
    assert type(task["pollIntervalMs"]) is int
    gate.touch()


@pytest.mark.parametrize("stranger", STRANGERS)
def test_who_does_not_declare_the_extension_never_gets_a_task(
    tasks: TaskClient, server: Server, stranger: str
) -> None:
    gate, knows = server.path("gate"), STRANGERS[stranger]
    tasks.start("at-once", "what was declared before counts for nothing")
    for name, arguments in (
        ("gated", {"a": str(gate)}),
        ("run_command", {"command": "gated", "arguments": {"a": str(gate)}, "wait_s": 0}),
    ):
        result = tasks.call(name, knows=knows, arguments=arguments)
        assert result["resultType"] == "complete"
        assert "taskId" not in result
        assert "next" in result["structuredContent"]
    gate.touch()


@pytest.mark.parametrize("knows", [KNOWS_TASKS, {}], ids=["knows tasks", "knows nothing"])
def test_the_task_parameter_of_old_is_ignored(tasks: TaskClient, knows: Document) -> None:
    result = tasks.call("greet", "Ada", knows=knows, task={"ttl": 1})
    assert result["resultType"] == "complete"
    if knows:
        assert tasks.start("at-once", "x", task={"ttl": 1})["ttlMs"] is None


def test_only_tool_calls_are_answered_with_tasks(tasks: TaskClient) -> None:
    task_id = tasks.start("at-once", "x")["taskId"]
    requests: list[tuple[str, Document]] = [
        ("server/discover", {}),
        ("tools/list", {}),
        ("resources/list", {}),
        ("resources/read", {"uri": f"task://{task_id}"}),
        ("prompts/list", {}),
        ("tasks/get", {"taskId": task_id}),
        ("tasks/update", {"taskId": task_id, "inputResponses": {}}),
        ("tasks/cancel", {"taskId": task_id}),
    ]
    for method, params in requests:
        assert tasks.road.request(method, params).result["resultType"] == "complete", method


def test_the_same_key_gives_the_same_task_and_a_final_one_its_result(
    tasks: TaskClient, agent: RestClient
) -> None:
    params = {"name": "at-once", "arguments": {"a": "x"}}
    meta = {"errandry/idempotencyKey": f"key-{agent.create('greet', {'a': 'x'})['id']}"}
    first = tasks.road.request("tools/call", params, meta=meta).result
    ended = tasks.wait(first["taskId"])
    again = tasks.road.request("tools/call", params, meta=meta).result
    assert again["resultType"] == "complete"
    assert again["structuredContent"] == ended["result"]["structuredContent"]


def test_what_a_call_answers_inline_is_what_its_task_answers_later(
    tasks: TaskClient, agent: RestClient
) -> None:
    for name, *texts in (("greet", "Ada"), ("fails",)):
        inline = tasks.call(name, *texts)
        task_id = agent.http.get("/tasks", params={"limit": 1}).json()["tasks"][0]["id"]
        later: Any = tasks.get(task_id)
        del inline["_meta"]
        assert later["status"] == "completed"
        assert later["result"] == inline


def test_an_answered_task_is_there_for_everybody_at_once(tasks: TaskClient, server: Server) -> None:
    other = TaskClient(HttpRoad(server))
    for number in range(20):
        task = tasks.start("at-once", str(number))
        assert other.get(task["taskId"])["createdAt"] == task["createdAt"]
    other.close()


def test_an_answered_task_survives_the_server_that_answered() -> None:
    command = shell("slow", GREET, "a", task="always", on_crash="retry")
    with serving(command, lease_s="2") as server:
        client = TaskClient(HttpRoad(server))
        task = client.start("slow", "Ada")
        server.kill9()
        server.start()
        assert client.get(task["taskId"])["createdAt"] == task["createdAt"]
        ended = client.wait(task["taskId"])
        assert ended["result"]["structuredContent"] == {"greeting": "Hello, Ada!"}
        client.close()
