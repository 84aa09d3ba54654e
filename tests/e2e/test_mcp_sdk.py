"""The SDK's own client on every road and in both eras."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from support.mcp_clients import ROADS, Mode, Road, call, connect, over_http
from support.rest_client import RestClient
from support.server import Document, Server
from support.waiting import LIMIT_S, marked, until_gone

pytestmark = pytest.mark.both_databases

CORE = {
    "find_commands",
    "run_command",
    "get_task",
    "wait_for_tasks",
    "read_task_log",
    "list_tasks",
    "cancel_task",
}


@pytest.fixture(scope="module", params=ROADS, ids="-".join)
async def mcp(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Client]:
    async with connect(server, *request.param) as client:
        yield client


async def run(client: Client, command: str, *texts: str, **more: Any) -> Document:
    """Run a command whose parameters are `a`, `b`, …, and return what run_command says of it."""
    arguments = dict(zip("abcdef", texts, strict=False))
    return await call(client, "run_command", command=command, arguments=arguments, **more)


@pytest.mark.parametrize(
    ("road", "mode", "version"),
    [(road, mode, "2025-11-25" if mode == "legacy" else "2026-07-28") for road, mode in ROADS],
)
async def test_the_client_gets_the_era_it_asks_for(
    server: Server, road: Road, mode: Mode, version: str
) -> None:
    async with connect(server, road, mode) as client:
        assert client.protocol_version == version


async def test_core_tools_and_exposed_commands_are_listed(mcp: Client) -> None:
    tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
    assert tools.keys() >= CORE | {"echo", "greet", "gated"}
    assert not tools.keys() & {"generic", "hidden"}
    greet = tools["greet"]
    assert (greet.title, greet.description) == ("Greet someone", "Does greet.")
    assert greet.input_schema["required"] == ["a"]
    assert greet.annotations is not None
    assert greet.annotations.read_only_hint


async def test_a_command_tool_gives_its_result_as_structured_content(mcp: Client) -> None:
    answer = await mcp.call_tool("greet", {"a": "Ada"})
    assert not answer.is_error
    assert answer.structured_content == {"greeting": "Hello, Ada!"}
    assert "Hello, Ada!" in str(answer.content[0])


async def test_a_result_that_is_no_object_comes_wrapped(mcp: Client) -> None:
    assert await call(mcp, "count") == {"result": 42}


async def test_content_blocks_go_through_as_content(mcp: Client) -> None:
    answer = await mcp.call_tool("blocks", {})
    assert [block.type for block in answer.content] == ["text", "image"]


async def test_a_run_that_outlives_its_wait_is_a_handle_to_wait_for(
    mcp: Client, server: Server
) -> None:
    gate = server.path("gate")
    started = await run(mcp, "gated", str(gate), wait_s=0)
    alias = started["task"]["alias"]
    assert started["result"] is None
    assert "wait_for_tasks" in started["next"]
    early = await call(mcp, "wait_for_tasks", tasks=[alias], timeout_s=0)
    assert (early["met"], early["pending"]) == (False, [alias])
    gate.touch()
    waited = await call(mcp, "wait_for_tasks", tasks=[alias], timeout_s=50)
    assert (waited["met"], waited["pending"]) == (True, [])
    assert waited["tasks"][0]["state"] == "succeeded"
    assert waited["tasks"][0]["result"]["output"] == "begun\nended\n"


async def test_a_command_tool_that_outlives_its_wait_answers_with_a_handle(
    mcp: Client, server: Server, agent: RestClient
) -> None:
    gate = server.path("gate")
    handle = await call(mcp, "gated", a=str(gate))
    assert handle.keys() == {"task", "next"}
    gate.touch()
    assert agent.wait(handle["task"]["id"])["state"] == "succeeded"


async def test_progress_arrives_while_the_call_is_open(mcp: Client, server: Server) -> None:
    gate = server.path("gate")
    seen: list[tuple[float, float | None, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))
        if message == "half way":
            gate.touch()  # nothing else lets the call come to its end

    answer = await mcp.call_tool("stepped", {"a": str(gate)}, progress_callback=on_progress)
    assert not answer.is_error
    assert (1, 2, "half way") in seen
    numbers = [current for current, _, _ in seen]
    assert numbers == sorted(set(numbers))


async def test_a_failed_task_is_a_tool_error_that_shows_why(mcp: Client) -> None:
    answer = await mcp.call_tool("fails", {"a": "7"})
    assert answer.is_error
    assert answer.structured_content is not None
    error = answer.structured_content["task"]["error"]
    assert (error["code"], error["exit_code"]) == ("exit_code", 7)
    assert "cannot open the door" in answer.structured_content["log_tail"]


async def test_wrong_arguments_are_a_tool_error_that_names_all_of_them(mcp: Client) -> None:
    answer = await mcp.call_tool("typed", {"width": 99, "colour": "blue"})
    assert answer.is_error
    assert answer.structured_content is not None
    assert answer.structured_content["code"] == "invalid_arguments"
    paths = {fault["path"] for fault in answer.structured_content["errors"]}
    assert paths == {"/arguments/width", "/arguments/colour"}


async def test_an_unknown_tool_is_a_protocol_error(mcp: Client) -> None:
    for name in ("no-such-tool", "generic", "hidden"):
        with pytest.raises(MCPError) as caught:
            await mcp.call_tool(name, {})
        assert caught.value.error.code == -32602


async def test_commands_are_found_by_word_and_tag_but_not_hidden_ones(mcp: Client) -> None:
    found = await call(mcp, "find_commands", limit=100)
    names = [command["name"] for command in found["commands"]]
    assert names == sorted(names)
    assert "generic" in names
    assert "hidden" not in names
    (greet,) = (await call(mcp, "find_commands", tag="small", detail="schema"))["commands"]
    assert greet["name"] == "greet"
    assert greet["parameters"]["required"] == ["a"]


async def test_generic_and_hidden_commands_run_by_their_exact_name(mcp: Client) -> None:
    for name in ("generic", "hidden"):
        ran = await run(mcp, name)
        assert ran["task"]["state"] == "succeeded"
        assert ran["result"]["output"] == f"{name}\n"


async def test_a_log_is_read_within_its_budget(mcp: Client) -> None:
    alias = (await run(mcp, "noisy"))["task"]["alias"]
    page = await call(mcp, "read_task_log", task=alias, mode="around_error", max_tokens=50)
    assert "error: the disk is on fire" in page["text"]
    assert len(page["text"].encode()) <= 200
    assert page["total_lines"] == 102


async def test_tasks_are_listed_newest_first_with_a_filter(mcp: Client) -> None:
    mark = uuid.uuid4().hex
    ids = [
        (await run(mcp, "echo", str(number), labels={"mark": mark}))["task"]["id"]
        for number in range(3)
    ]
    listed = await call(mcp, "list_tasks", label=f"mark:{mark}", state=["succeeded"])
    assert [task["id"] for task in listed["tasks"]] == ids[::-1]


async def test_a_repeated_call_with_its_key_runs_once(mcp: Client) -> None:
    key = uuid.uuid4().hex
    first = await run(mcp, "echo", "once", idempotency_key=key)
    again = await run(mcp, "echo", "once", idempotency_key=key)
    assert first["task"]["id"] == again["task"]["id"]


async def test_cancel_ends_a_task_and_all_of_its_processes(
    mcp: Client, server: Server, agent: RestClient
) -> None:
    started = server.path("started")
    task = (await run(mcp, "tree", str(started), wait_s=0))["task"]
    while not started.exists():
        await anyio.sleep(0.01)
    assert len(marked(task["id"])) >= 3
    await call(mcp, "cancel_task", task=task["alias"], reason="no longer needed")
    assert agent.wait(task["id"])["state"] == "cancelled"
    assert not marked(task["id"])
    requested = next(
        event for event in agent.events(task["id"]) if event["type"] == "cancel_requested"
    )
    assert requested["data"] == {"reason": "no longer needed"}


@pytest.mark.parametrize(("road", "mode"), ROADS)
@pytest.mark.parametrize("tool", ["leaves", "stays"])
async def test_a_client_that_goes_away_takes_only_what_it_was_told_to_take(
    server: Server, agent: RestClient, road: Road, mode: Mode, tool: str
) -> None:
    gate, mark = server.path("gate"), uuid.uuid4().hex
    call_meta: Any = {"errandry/idempotencyKey": mark}
    with anyio.fail_after(LIMIT_S):
        async with connect(server, road, mode) as client, anyio.create_task_group() as group:
            arguments = {"a": str(gate)}
            group.start_soon(lambda: client.call_tool(tool, arguments, meta=call_meta))
            while not (found := _running_with(agent, mark)):
                await anyio.sleep(0.02)
            group.cancel_scope.cancel()
    (task_id,) = found
    if tool == "leaves":
        assert agent.wait(task_id)["state"] == "cancelled"
        until_gone(task_id)
    else:
        assert agent.task(task_id)["state"] == "running"
        gate.touch()
        assert agent.wait(task_id)["state"] == "succeeded"


def _running_with(agent: RestClient, key: str) -> list[str]:
    tasks = agent.http.get("/tasks", params={"state": "running"}).json()["tasks"]
    return [task["id"] for task in tasks if task["idempotency_key"] == key]


async def test_scopes_hold_for_tools(server: Server) -> None:
    async with over_http(server, scope="tasks:read") as client:
        answer = await client.call_tool("run_command", {"command": "echo", "arguments": {"a": "x"}})
    assert answer.is_error
    assert answer.structured_content is not None
    assert answer.structured_content["code"] == "not_permitted"
    assert answer.structured_content["required_scopes"] == ["tasks:write"]
