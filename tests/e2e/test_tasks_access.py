"""The Tasks extension: who may use its methods, and what is refused, on both roads."""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pytest

from support.rest_client import RestClient, calling
from support.server import Document, Server
from support.wire import KNOWS_TASKS, TASKS, Answer, HttpRoad, SocketRoad, TaskClient

METHODS: Final[dict[str, Document]] = {
    "tasks/get": {},
    "tasks/update": {"inputResponses": {}},
    "tasks/cancel": {},
}
UNKNOWN: Final = f"tsk_{'9' * 32}"
NO_IDS: Final = ("", "x", "tsk_", f"tsk_{'G' * 32}", "../../etc/passwd", f"tsk_{'0' * 4000}")


@pytest.fixture
def http(server: Server) -> Iterator[HttpRoad]:
    road = HttpRoad(server)
    yield road
    road.close()


@pytest.mark.parametrize("method", METHODS)
def test_unknown_foreign_and_malformed_ids_are_answered_alike(
    tasks: TaskClient, method: str, running: str, server: Server
) -> None:
    with calling(server) as somebody:
        foreign = somebody.create("greet", {"a": "x"})
    own_alias = tasks.call("get_task", arguments={"task": running})["structuredContent"]
    refusals = []
    for task_id in (UNKNOWN, foreign["id"], foreign["alias"], own_alias["task"]["alias"], *NO_IDS):
        answer = tasks.road.request(method, {"taskId": task_id} | METHODS[method])
        assert answer.code == -32602
        refusals.append(answer.error)
    assert refusals == [{"code": -32602, "message": "Task not found"}] * len(refusals)


@pytest.mark.parametrize("scope", ["admin", "tasks:approve tasks:read tasks:write"])
def test_no_scope_opens_the_tasks_of_others(server: Server, tasks: TaskClient, scope: str) -> None:
    task_id = tasks.start("run_command", arguments={"command": "guarded"})["taskId"]
    other = HttpRoad(server, f"sub-{uuid.uuid4().hex}", scope)
    for method, params in METHODS.items():
        refused = other.request(method, {"taskId": task_id} | params)
        assert refused.error == {"code": -32602, "message": "Task not found"}
    assert tasks.get(task_id)["status"] == "working"
    other.close()
    tasks.cancel(task_id)


def test_scopes_hold_for_the_methods(server: Server, agent: RestClient) -> None:
    task = agent.create("greet", {"a": "x"})
    reader = HttpRoad(server, scope="tasks:read")
    assert reader.request("tasks/get", {"taskId": task["id"]}).result["status"] == "working"
    refused = reader.request("tasks/cancel", {"taskId": task["id"]})
    assert refused.code == -32602
    assert refused.error["data"]["required_scopes"] == ["tasks:write"]
    writer = HttpRoad(server, scope="tasks:write")
    refused = writer.request("tasks/get", {"taskId": task["id"]})
    assert refused.error["data"]["required_scopes"] == ["tasks:read", "tasks:approve"]
    assert agent.task(task["id"])["state"] == "created"
    for road in (reader, writer):
        road.close()


@pytest.mark.parametrize("method", METHODS)
def test_every_request_needs_a_token(server: Server, method: str) -> None:
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": UNKNOWN}
    answer = httpx2.post(f"{server.url}/mcp", headers=headers, json={}, trust_env=False)
    assert answer.status_code == 401


@pytest.mark.parametrize("method", METHODS)
def test_every_request_must_declare_the_extension(
    tasks: TaskClient, method: str, running: str
) -> None:
    strangers: tuple[Document, ...] = ({}, {"tasks": {}}, {"experimental": {TASKS: {}}})
    for knows in strangers:
        answer = tasks.road.request(method, {"taskId": running} | METHODS[method], knows)
        assert answer.code == -32021
        assert answer.error["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
        assert TASKS in answer.error["message"]
    assert tasks.get(running)["status"] == "working"


@pytest.mark.parametrize("name", [None, "", UNKNOWN, "=?base64?!?="])
@pytest.mark.parametrize("method", METHODS)
def test_a_name_header_that_is_not_the_id_is_refused(
    http: HttpRoad, agent: RestClient, method: str, name: str | None
) -> None:
    task = agent.create("greet", {"a": "x"})
    params = {"taskId": task["id"]} | METHODS[method]
    assert http.request(method, params, headers={"Mcp-Name": name}).code == -32020
    assert agent.task(task["id"])["state"] == "created"


def test_a_name_header_may_be_written_in_base64(http: HttpRoad, agent: RestClient) -> None:
    task = agent.create("greet", {"a": "x"})
    name = f"=?base64?{base64.b64encode(task['id'].encode()).decode()}?="
    answer = http.request("tasks/get", {"taskId": task["id"]}, headers={"Mcp-Name": name})
    assert answer.result["taskId"] == task["id"]


def test_a_method_header_that_is_not_the_method_is_refused(http: HttpRoad) -> None:
    answer = http.request("tasks/get", {"taskId": UNKNOWN}, headers={"Mcp-Method": "tools/list"})
    assert answer.code == -32020


@pytest.mark.parametrize("method", ["result", "list", "delete", "create"])
def test_other_methods_of_that_prefix_are_unknown(tasks: TaskClient, method: str) -> None:
    answer: Answer = tasks.road.request(f"tasks/{method}", {"taskId": UNKNOWN})
    assert answer.code == -32601


def test_no_list_shows_the_tasks_of_others(tasks: TaskClient, running: str, server: Server) -> None:
    other = TaskClient(HttpRoad(server, f"sub-{uuid.uuid4().hex}"))
    for method, params in (
        ("resources/list", {}),
        ("tools/call", {"name": "list_tasks", "arguments": {"limit": 100}}),
    ):
        assert running not in json.dumps(other.road.request(method, params).message)
        assert running in json.dumps(tasks.road.request(method, params).message)
    other.close()


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18"])
def test_in_the_handshake_era_the_extension_is_neither_told_nor_served(
    server: Server, agent: RestClient, version: str
) -> None:
    road, gate = SocketRoad(server), server.path("gate")

    def request(method: str, **params: Any) -> Answer:
        road.send({"jsonrpc": "2.0", "id": method, "method": method, "params": params})
        return Answer(None, road.receive())

    hello = {"protocolVersion": version, "clientInfo": {"name": "old", "version": "1"}}
    told = request("initialize", **hello, capabilities=KNOWS_TASKS | {"tasks": {}}).result
    assert TASKS not in json.dumps(told["capabilities"])
    assert "tasks" not in told["capabilities"]
    called = request("tools/call", name="gated", arguments={"a": str(gate)}).result
    assert called.keys() & {"taskId", "resultType"} == set()
    task_id = called["structuredContent"]["task"]["id"]
    for method, params in METHODS.items():
        assert request(method, taskId=task_id, **params).code == -32601
    gate.touch()
    assert agent.wait(task_id)["state"] == "succeeded"
    road.close()
