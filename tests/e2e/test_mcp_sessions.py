"""Sessions of the handshake era hear of changed lists, and of what they subscribed to."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError

from errandry.mcp.watch import MAX_URIS
from support.mcp_clients import over_http, over_sse, over_stdio
from support.rest_client import calling
from support.server import Server, serving, shell
from support.waiting import LIMIT_S

UNKNOWN = f"task://tsk_{'0' * 32}"


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server whose command files come and go."""
    with serving(shell("first", "echo first")) as server:
        yield server


class Heard:
    """Keeps what a server says unasked."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(getattr(message, "root", message))

    async def wait_for(self, kind: type, count: int = 1) -> None:
        with anyio.fail_after(LIMIT_S):
            while self.count(kind) < count:
                await anyio.sleep(0.02)

    def count(self, kind: type) -> int:
        return sum(isinstance(each, kind) for each in self.messages)


@pytest.fixture(params=["http", "stdio", "sse"])
async def session(
    request: pytest.FixtureRequest, own: Server
) -> AsyncIterator[tuple[Client, Heard]]:
    heard = Heard()
    roads = {
        "http": lambda: over_http(own, "legacy", heard=heard),
        "stdio": lambda: over_stdio(own, "legacy", heard=heard),
        "sse": lambda: over_sse(own, heard=heard),
    }
    async with roads[request.param]() as client:
        yield client, heard


@pytest.mark.filterwarnings("ignore:resources/:mcp.MCPDeprecationWarning")
async def test_a_session_hears_of_tools_and_of_what_it_subscribed_to(
    session: tuple[Client, Heard], own: Server
) -> None:
    client, heard = session
    capabilities = client.server_capabilities
    assert capabilities.tools is not None
    assert capabilities.tools.list_changed
    assert capabilities.resources is not None
    assert (capabilities.resources.list_changed, capabilities.resources.subscribe) == (True, True)
    assert capabilities.prompts is not None
    assert not capabilities.prompts.list_changed
    await client.list_tools()
    with calling(own, "agent") as agent:
        watched, dropped, other = (f"task://{agent.create('first')['id']}" for _ in range(3))
        await client.subscribe_resource(watched)
        await client.subscribe_resource(dropped)
        await client.unsubscribe_resource(dropped)
        for uri in (dropped, other, watched):
            agent.http.put(f"/tasks/{uri[7:]}", json={"title": "new"})
    own.define(shell("fourth", "echo fourth"))
    await heard.wait_for(types.ResourceUpdatedNotification)
    await heard.wait_for(types.ToolListChangedNotification)
    await heard.wait_for(types.ResourceListChangedNotification)
    (own.commands / "fourth.json").unlink()
    told = [each for each in heard.messages if isinstance(each, types.ResourceUpdatedNotification)]
    assert {each.params.uri for each in told} == {watched}


@pytest.mark.filterwarnings("ignore:resources/:mcp.MCPDeprecationWarning")
async def test_what_is_not_there_cannot_be_subscribed_to(own: Server) -> None:
    async with over_stdio(own, "legacy") as client:
        with pytest.raises(MCPError) as caught:
            await client.subscribe_resource(UNKNOWN)
        assert (caught.value.error.code, caught.value.error.message) == (
            -32602,
            "Resource not found",
        )
        with calling(own, "agent") as agent:
            for _ in range(MAX_URIS):
                await client.subscribe_resource(f"task://{agent.create('first')['id']}")
            with pytest.raises(MCPError) as caught:
                await client.subscribe_resource(f"task://{agent.create('first')['id']}")
        assert caught.value.error.code == -32602


async def test_a_session_that_says_twice_that_it_is_ready_hears_things_once(own: Server) -> None:
    heard = Heard()
    async with over_stdio(own, "legacy", heard=heard) as client:
        await client.session.send_notification(types.InitializedNotification())
        await client.list_tools()  # both have been heard now
        file = own.define(shell("fifth", "echo fifth"))
        await heard.wait_for(types.ResourceListChangedNotification)
        with calling(own, "agent") as agent:
            agent.create("first")
        await heard.wait_for(types.ResourceListChangedNotification, 2)
        told = heard.count(types.ToolListChangedNotification)
        file.unlink()
    assert told == 1
