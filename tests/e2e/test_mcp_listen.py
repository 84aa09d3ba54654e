"""Clients of 2026-07-28 hear of changes on a listen stream."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.server.subscriptions import (
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError

from errandry.mcp.listen import MAX_STREAMS
from errandry.mcp.watch import MAX_URIS
from support.mcp_clients import nearly_expired, over_http, over_stdio
from support.rest_client import RestClient, calling
from support.server import Document, Server, serving, shell
from support.waiting import LIMIT_S

pytestmark = pytest.mark.both_databases

UNKNOWN = f"task://tsk_{'0' * 32}"
PREFIX = "io.modelcontextprotocol/"


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server whose command files come and go."""
    with serving(shell("first", "echo first")) as server:
        yield server


@pytest.fixture(params=[over_http, over_stdio])
async def modern(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Client]:
    async with request.param(server, "2026-07-28") as client:
        yield client


async def next_of(stream: Any) -> Any:
    with anyio.fail_after(LIMIT_S):
        return await anext(stream)


async def test_only_what_can_be_honoured_is_acknowledged(
    modern: Client, agent: RestClient, client: RestClient
) -> None:
    own_task, foreign = agent.create("echo", {"a": "x"}), client.create("echo", {"a": "x"})
    uris = [
        f"task://{own_task['id']}",
        f"task://{own_task['alias']}/log",
        f"task://{own_task['id']}/result",
        "command://greet",
    ]
    refused = [f"task://{foreign['id']}", UNKNOWN, "command://none", "other://x"]
    async with modern.listen(
        tools_list_changed=True,
        prompts_list_changed=True,
        resources_list_changed=True,
        resource_subscriptions=[*uris, uris[0], *refused],
    ) as stream:
        honoured = stream.honored
    assert honoured.tools_list_changed is honoured.resources_list_changed is True
    assert honoured.prompts_list_changed is None
    assert honoured.resource_subscriptions == uris


async def test_a_task_is_announced_with_its_log_and_result_when_they_change(
    modern: Client, agent: RestClient
) -> None:
    task = agent.create("echo", {"a": "hello"})
    uri = f"task://{task['id']}"
    uris = [uri, f"{uri}/log", f"{uri}/result"]
    async with modern.listen(resource_subscriptions=uris) as stream:
        agent.http.post(f"/tasks/{task['id']}/execute")
        missing = {ResourceUpdated(each) for each in uris}
        while missing:
            event = await next_of(stream)
            assert event in {ResourceUpdated(each) for each in uris}
            missing.discard(event)


async def test_a_deleted_task_is_announced_once(modern: Client, agent: RestClient) -> None:
    first, second = (agent.create("echo", {"a": "x"}) for _ in range(2))
    uris = [f"task://{task['id']}" for task in (first, second)]
    async with modern.listen(resource_subscriptions=uris) as stream:
        agent.http.delete(f"/tasks/{first['id']}")
        assert await next_of(stream) == ResourceUpdated(uris[0])
        agent.http.delete(f"/tasks/{second['id']}")
        assert await next_of(stream) == ResourceUpdated(uris[1])


async def test_a_new_task_changes_the_list_of_resources_alone(own: Server) -> None:
    async with over_http(own) as client:
        listening = client.listen(tools_list_changed=True, resources_list_changed=True)
        async with listening as stream:
            with calling(own, "agent") as agent:
                agent.create("first")
            assert await next_of(stream) == ResourcesListChanged()


async def test_a_command_file_that_comes_changes_or_goes_is_announced(own: Server) -> None:
    async with (
        over_http(own) as client,
        client.listen(
            tools_list_changed=True, resource_subscriptions=["command://first"]
        ) as stream,
    ):
        file = own.define(shell("second", "echo second"))
        assert await next_of(stream) == ToolsListChanged()
        file.unlink()
        assert await next_of(stream) == ToolsListChanged()
        own.define(shell("first", "echo changed"))
        found = {await next_of(stream), await next_of(stream)}
        assert found == {ToolsListChanged(), ResourceUpdated("command://first")}


async def test_who_may_not_run_commands_hears_nothing_of_their_tools(own: Server) -> None:
    async with (
        over_http(own, sub="approver", scope="tasks:approve") as client,
        client.listen(tools_list_changed=True, resources_list_changed=True) as stream,
    ):
        own.define(shell("third", "echo third")).unlink()
        with calling(own, "approver", "tasks:approve tasks:write") as approver:
            approver.create("first")
        assert await next_of(stream) == ResourcesListChanged()


async def test_too_many_resources_are_refused(modern: Client, agent: RestClient) -> None:
    uris = [f"task://{agent.create('echo', {'a': 'x'})['id']}" for _ in range(MAX_URIS + 1)]
    with pytest.raises(MCPError) as caught:
        async with modern.listen(resource_subscriptions=uris):
            raise AssertionError
    assert caught.value.error.code == -32602


async def test_too_many_streams_of_one_caller_are_refused_and_free_again(server: Server) -> None:
    async with over_http(server, sub="greedy") as client, over_http(server, sub="other") as other:
        async with anyio.create_task_group() as group:
            ready = [anyio.Event() for _ in range(MAX_STREAMS)]

            async def hold(event: anyio.Event) -> None:
                async with client.listen(tools_list_changed=True):
                    event.set()
                    await anyio.sleep_forever()

            for event in ready:
                group.start_soon(hold, event)
            with anyio.fail_after(LIMIT_S):
                for event in ready:
                    await event.wait()
            with pytest.raises(MCPError) as caught:
                async with client.listen(tools_list_changed=True):
                    raise AssertionError
            assert caught.value.error.code == -32603
            async with other.listen(tools_list_changed=True):
                group.cancel_scope.cancel()
        with anyio.fail_after(LIMIT_S):
            await _listen_when_there_is_room(client)


async def _listen_when_there_is_room(client: Client) -> None:
    while True:
        try:
            async with client.listen(tools_list_changed=True):
                return
        except MCPError:
            await anyio.sleep(0.05)


def _post(server: Server, token: str, **params: Any) -> Any:
    meta = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": {}}
    body = {
        "jsonrpc": "2.0",
        "id": "here",
        "method": "subscriptions/listen",
        "params": {"_meta": meta, **params},
    }
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "subscriptions/listen",
    }
    return httpx2.stream(
        "POST", f"{server.url}/mcp", json=body, headers=headers, timeout=LIMIT_S, trust_env=False
    )


def _frames(answer: httpx2.Response) -> Iterator[Document]:
    for line in answer.iter_lines():
        if line.startswith("data:"):
            yield json.loads(line[5:])


def test_every_frame_bears_the_id_and_a_server_that_stops_ends_the_stream_with_a_result() -> None:
    with serving(shell("first", "true")) as server:
        wanted = {"toolsListChanged": True, "other": True}
        with _post(server, server.token(), notifications=wanted) as answer:
            frames = _frames(answer)
            acknowledged = next(frames)
            assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
            assert acknowledged["params"] == {
                "notifications": {"toolsListChanged": True},
                "_meta": {f"{PREFIX}subscriptionId": "here"},
            }
            server.define(shell("second", "true"))
            changed = next(frames)
            assert changed["method"] == "notifications/tools/list_changed"
            assert changed["params"]["_meta"] == {f"{PREFIX}subscriptionId": "here"}
            server.signal(15)
            (last,) = frames
        assert last["id"] == "here"
        assert last["result"]["_meta"][f"{PREFIX}subscriptionId"] == "here"
        assert server.ended() == 0


def test_a_token_that_runs_out_ends_the_stream(server: Server) -> None:
    before, token = len(server.log), nearly_expired(server)
    with _post(server, token, notifications={"toolsListChanged": True}) as answer:
        assert answer.status_code == 200
        list(_frames(answer))
    assert "Traceback" not in server.log[before:]
    assert "ASGI callable" not in server.log[before:]
