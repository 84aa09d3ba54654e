"""Prompts: what a person asks for by name."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError

from errandry.commands.definition import parse
from errandry.commands.yamltext import read
from support.mcp_clients import ROADS, connect, over_http
from support.rest_client import RestClient
from support.server import Server, serving, shell


@pytest.fixture(params=ROADS, ids="-".join)
async def mcp(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Client]:
    async with connect(server, *request.param) as client:
        yield client


@pytest.fixture
async def http(server: Server) -> AsyncIterator[Client]:
    async with over_http(server, "2026-07-28") as client:
        yield client


async def text(client: Client, name: str, **arguments: str) -> str:
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert message.role == "user"
    assert isinstance(message.content, types.TextContent)
    return message.content.text


async def test_two_prompts_are_listed_with_their_argument(mcp: Client) -> None:
    prompts = (await mcp.list_prompts()).prompts
    assert {
        prompt.name: [(each.name, each.required) for each in prompt.arguments or []]
        for prompt in prompts
    } == {"diagnose-failed-task": [("task", True)], "new-command": [("purpose", True)]}


async def test_a_diagnosis_begins_with_error_log_and_command(
    mcp: Client, agent: RestClient
) -> None:
    task = agent.wait(agent.start("fails", "7")["id"])
    said = await text(mcp, "diagnose-failed-task", task=task["alias"])
    assert f'the task {task["alias"]} of the command "fails" is failed' in said
    assert '"exit_code": 7' in said
    assert "<log>\ncannot open the door\n</log>" in said
    assert '"description": "Does fails."' in said


async def test_a_long_log_is_shown_in_part(http: Client, agent: RestClient) -> None:
    task = agent.wait(agent.start("noisy")["id"])
    said = await text(http, "diagnose-failed-task", task=task["id"])
    assert "error: the disk is on fire" in said
    assert re.search(r"\(\d+ lines more\)", said)


async def test_a_task_without_a_log_can_be_diagnosed(http: Client, agent: RestClient) -> None:
    task = agent.create("echo", {"a": "x"})
    assert "<log>\n(empty)\n</log>" in await text(http, "diagnose-failed-task", task=task["id"])


async def test_a_command_that_is_gone_or_not_for_the_caller_is_said_so() -> None:
    with serving(shell("brief", "exit 1")) as server:
        async with over_http(server) as client:
            ran = await client.call_tool("run_command", {"command": "brief"})
            assert ran.structured_content is not None
            id_ = ran.structured_content["task"]["id"]
            (server.commands / "brief.json").unlink()
            said = await text(client, "diagnose-failed-task", task=id_)
            assert "there is no such file any more" in said
        async with over_http(server, scope="tasks:read") as client:
            assert "not for this caller" in await text(client, "diagnose-failed-task", task=id_)


async def test_a_new_command_is_asked_for_with_rules_that_hold(http: Client) -> None:
    said = await text(http, "new-command", purpose="Count {words} in a file")
    assert "Its purpose: Count {words} in a file" in said
    assert "These commands exist: " in said
    assert "greet" in said
    assert "hidden" not in said
    example = said[said.index("name: disk-usage") : said.index("\n\nThe rules:")]
    command = parse(read(example.encode()).value)
    assert command.name == "disk-usage"


@pytest.fixture(scope="module")
def empty() -> Iterator[Server]:
    with serving() as server:
        yield server


async def test_only_some_of_many_names_are_shown(empty: Server) -> None:
    async with over_http(empty) as client:
        assert "These commands exist: none." in await text(client, "new-command", purpose="x")
        for number in range(60):
            empty.define(shell(f"many-{number}", "true"))
        assert " and 10 more." in await text(client, "new-command", purpose="x")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("none", {}),
        ("diagnose-failed-task", {}),
        ("diagnose-failed-task", {"task": " "}),
        ("diagnose-failed-task", {"task": "none-1"}),
        ("diagnose-failed-task", {"tsk": "none-1"}),
        ("new-command", {"purpose": "x", "task": "y"}),
    ],
)
async def test_a_prompt_or_argument_that_is_not_there_is_invalid(
    http: Client, name: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(MCPError) as caught:
        await http.get_prompt(name, arguments)
    assert caught.value.error.code == -32602


async def test_scopes_hold_for_prompts(server: Server, agent: RestClient) -> None:
    task = agent.create("echo", {"a": "x"})
    async with over_http(server, scope="tasks:write") as client:
        for name, arguments in (
            ("diagnose-failed-task", {"task": task["id"]}),
            ("new-command", {"purpose": "x"}),
        ):
            with pytest.raises(MCPError) as caught:
                await client.get_prompt(name, arguments)
            assert caught.value.error.data["code"] == "not_permitted"
