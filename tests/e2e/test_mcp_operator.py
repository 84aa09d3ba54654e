"""The operator's toolset: off by default, and then what REST does, under the same scopes."""

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from errandry.mcp.core_tools import CORE_TOOLS
from errandry.mcp.operator_tools import OPERATOR_TOOLS
from support.mcp_clients import call, over_http, over_stdio
from support.rest_client import RestClient, calling
from support.server import Document, Server, serving, shell


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    echo = shell("echo", 'printf "%s\\n" "$1"', "a")
    with serving(echo, shell("fails", "exit 1"), toolsets="core,operator") as server:
        yield server


@pytest.fixture(params=[over_http, over_stdio])
async def mcp(request: pytest.FixtureRequest, own: Server) -> AsyncIterator[Client]:
    async with request.param(own) as client:
        yield client


@pytest.fixture
def rest(own: Server) -> Iterator[RestClient]:
    with calling(own, "agent") as client:
        yield client


async def refused(client: Client, tool: str, **arguments: Any) -> Document:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content


async def test_without_the_setting_none_is_listed_or_called(server: Server) -> None:
    async with over_http(server) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert not listed & OPERATOR_TOOLS.keys()
        for name in OPERATOR_TOOLS:
            with pytest.raises(MCPError) as caught:
                await client.call_tool(name, {})
            assert caught.value.error.code == -32602


async def test_with_the_setting_all_are_listed_behind_the_core_tools(mcp: Client) -> None:
    listed = [tool.name for tool in (await mcp.list_tools()).tools]
    assert listed == [*CORE_TOOLS, *OPERATOR_TOOLS, "echo", "fails"]


async def test_their_hints_say_what_they_do(mcp: Client) -> None:
    hints = {tool.name: tool.annotations for tool in (await mcp.list_tools()).tools}

    def those(hint: str) -> set[str]:
        return {name for name in OPERATOR_TOOLS if getattr(hints[name], hint)}

    assert those("read_only_hint") == set()
    assert those("destructive_hint") == {"delete_task"}
    assert those("idempotent_hint") == {"update_task", "delete_task", "execute_task"}
    assert those("open_world_hint") == {"create_task", "execute_task", "retry_task", "answer_task"}


async def test_a_task_is_made_changed_started_and_deleted(mcp: Client, rest: RestClient) -> None:
    made = await call(mcp, "create_task", command="echo", arguments={"a": "x"}, title="one")
    alias, id_ = made["task"]["alias"], made["task"]["id"]
    assert made["task"]["state"] == "created"
    assert made["next"] == f'Call execute_task with task="{alias}" to start it.'
    await call(mcp, "update_task", task=alias, arguments={"a": "y"}, labels={"team": "ops"})
    changed = rest.task(id_)
    assert (changed["arguments"], changed["title"]) == ({"a": "y"}, "one")
    assert changed["labels"] == {"team": "ops"}
    started = await call(mcp, "execute_task", task=alias)
    assert started["message"] == "Task execution started"
    again = await call(mcp, "execute_task", task=alias)
    assert again["message"] == "Task already started"
    assert rest.wait(id_)["result"]["output"] == "y\n"
    assert await call(mcp, "delete_task", task=alias) == {"deleted": alias}
    assert rest.http.get(f"/tasks/{id_}").status_code == 404


async def test_a_revision_that_has_passed_is_refused(mcp: Client, rest: RestClient) -> None:
    task = rest.create("echo", {"a": "x"})
    for tool, fields in (("update_task", {"title": "two"}), ("delete_task", {})):
        passed = task["revision"] + 1
        problem = await refused(mcp, tool, task=task["id"], revision=passed, **fields)
        assert problem["code"] == "revision_mismatch"
    await call(mcp, "update_task", task=task["id"], revision=task["revision"], title="two")
    assert rest.task(task["id"])["title"] == "two"


async def test_a_final_task_is_run_again_as_a_new_one(mcp: Client, rest: RestClient) -> None:
    first = rest.wait(rest.start("fails")["id"])
    key = uuid.uuid4().hex
    new, again = [
        (await call(mcp, "retry_task", task=first["alias"], idempotency_key=key))["task"]["id"]
        for _ in range(2)
    ]
    assert new == again
    assert rest.wait(new)["retry_of"] == first["id"]


async def test_one_key_is_one_task_on_mcp_and_rest(mcp: Client, rest: RestClient) -> None:
    key = uuid.uuid4().hex
    arguments = {"a": "x"}
    made = await call(
        mcp, "create_task", command="echo", arguments=arguments, execute=True, idempotency_key=key
    )
    known = rest.create("echo", arguments, execute=True, key=key)
    assert known["id"] == made["task"]["id"]


async def test_answers_to_what_is_not_asked_are_ignored(mcp: Client, rest: RestClient) -> None:
    task = rest.create("echo", {"a": "x"})
    responses = {"q": {"action": "accept", "content": {"a": 1}}}
    answered = await call(mcp, "answer_task", task=task["alias"], responses=responses)
    assert answered["task"]["id"] == task["id"]
    assert rest.task(task["id"])["revision"] == task["revision"]


async def test_a_command_is_written_by_an_agent_with_the_scope_alone(
    own: Server, rest: RestClient
) -> None:
    definition = shell("written", "echo written")
    async with over_http(own, scope="commands:write tasks:write") as client:
        made = await call(client, "create_command", definition=definition)
        assert made["command"]["origin"] == "agent"
        assert (await call(client, "run_command", command="written"))["result"]["exit_code"] == 0
        assert (await refused(client, "create_command", definition=definition))["code"] == (
            "command_exists"
        )
        wrong = await refused(client, "create_command", definition={"name": "x"})
        assert wrong["code"] == "invalid_command"
    assert rest.http.get("/commands/written").json()["command"]["origin"] == "agent"


@pytest.mark.parametrize(
    ("tool", "arguments", "scope"),
    [
        ("create_task", {"command": "echo"}, "tasks:write"),
        ("update_task", {"task": "x-1"}, "tasks:write"),
        ("delete_task", {"task": "x-1"}, "tasks:write"),
        ("execute_task", {"task": "x-1"}, "tasks:write"),
        ("retry_task", {"task": "x-1"}, "tasks:write"),
        ("answer_task", {"task": "x-1", "responses": {}}, "tasks:write"),
        ("create_command", {"definition": {}}, "commands:write"),
    ],
)
async def test_each_needs_the_scope_of_its_route(
    own: Server, tool: str, arguments: Document, scope: str
) -> None:
    async with over_http(own, scope="commands:read tasks:read") as client:
        problem = await refused(client, tool, **arguments)
    assert (problem["code"], problem["required_scopes"]) == ("not_permitted", [scope])


async def test_a_foreign_task_is_not_found(own: Server, mcp: Client) -> None:
    with calling(own) as other:
        foreign = other.create("echo", {"a": "x"})["id"]
    for tool in ("update_task", "delete_task", "execute_task", "retry_task"):
        assert (await refused(mcp, tool, task=foreign))["code"] == "task_not_found"


async def test_wrong_fields_are_named(mcp: Client) -> None:
    problem = await refused(mcp, "create_task", command="echo", titel="x")
    assert problem["code"] == "unknown_field"
    assert 'did you mean "title"?' in problem["errors"][0]["message"]
