"""The list of tools follows the folder of commands while clients are connected."""

from collections.abc import AsyncIterator, Iterator

import pytest
from mcp import Client

from support.mcp_clients import call, over_http, over_stdio
from support.server import Server, serving, shell


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(shell("first", "echo first"), shell("always", "true", expose="tool")) as server:
        yield server


@pytest.fixture(params=[over_http, over_stdio])
async def mcp(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Client]:
    async with request.param(server) as client:
        yield client


async def names(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


async def test_a_new_file_is_a_tool_at_the_next_list_and_a_removed_one_is_none(
    mcp: Client, server: Server
) -> None:
    assert "second" not in await names(mcp)
    file = server.define(shell("second", "echo second"))
    assert "second" in await names(mcp)
    assert (await call(mcp, "second"))["output"] == "second\n"
    file.unlink()
    assert "second" not in await names(mcp)


async def test_beyond_ten_commands_only_those_that_say_tool_are_tools(
    mcp: Client, server: Server
) -> None:
    files = [server.define(shell(f"more-{number}", "true")) for number in range(9)]
    try:
        listed = await names(mcp)
        assert "always" in listed
        assert not listed & {"first", "more-0"}
        page = await call(mcp, "find_commands")
        assert len(page["commands"]) == 10
        rest = await call(mcp, "find_commands", cursor=page["next_cursor"])
        assert len(rest["commands"]) == 1
        ran = await call(mcp, "run_command", command="more-8")
        assert ran["task"]["state"] == "succeeded"
    finally:
        for file in files:
            file.unlink()
    assert "first" in await names(mcp)
