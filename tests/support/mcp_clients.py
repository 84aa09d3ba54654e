"""The SDK's own client on each road to a server, in each era of the protocol."""

import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import jwt
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.session import MessageHandlerFnT
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from support.server import AGENT, MODULE, Document, Server
from support.waiting import LIMIT_S

Road = Literal["http", "stdio"]
Mode = Literal["legacy", "auto", "2026-07-28"]
ROADS: list[tuple[Road, Mode]] = [
    ("http", "legacy"),
    ("http", "auto"),
    ("http", "2026-07-28"),
    ("stdio", "legacy"),
    ("stdio", "auto"),
    ("stdio", "2026-07-28"),
]


@asynccontextmanager
async def over_http(
    server: Server,
    mode: Mode = "auto",
    sub: str = "agent",
    scope: str = AGENT,
    heard: MessageHandlerFnT | None = None,
) -> AsyncGenerator[Client]:
    """Connect to /mcp; `heard` is given what the server says unasked."""
    headers = {"Authorization": f"Bearer {server.token(sub, scope)}"}
    async with httpx2.AsyncClient(headers=headers, timeout=LIMIT_S, trust_env=False) as http:
        road = streamable_http_client(f"{server.url}/mcp", http_client=http)
        async with Client(
            road, mode=mode, read_timeout_seconds=LIMIT_S, message_handler=heard
        ) as client:
            yield client


@asynccontextmanager
async def over_sse(
    server: Server,
    sub: str = "agent",
    scope: str = AGENT,
    heard: MessageHandlerFnT | None = None,
) -> AsyncGenerator[Client]:
    """Connect to the old transport."""
    headers = {"Authorization": f"Bearer {server.token(sub, scope)}"}
    road = sse_client(f"{server.url}/sse", headers=headers)
    async with Client(
        road, mode="legacy", read_timeout_seconds=LIMIT_S, message_handler=heard
    ) as client:
        yield client


@asynccontextmanager
async def over_stdio(
    server: Server, mode: Mode = "auto", heard: MessageHandlerFnT | None = None
) -> AsyncGenerator[Client]:
    """Start `errandry mcp` as a host does."""
    pump = StdioServerParameters(
        command=sys.executable, args=[*MODULE, "mcp"], env=server.environment(), cwd=server.root
    )
    with server.path("mcp.log").open("w") as log:
        road = stdio_client(pump, errlog=log)
        async with Client(
            road, mode=mode, read_timeout_seconds=LIMIT_S, message_handler=heard
        ) as client:
            yield client


@asynccontextmanager
async def connect(server: Server, road: Road, mode: Mode) -> AsyncGenerator[Client]:
    """Connect as the local agent."""
    async with over_http(server, mode) if road == "http" else over_stdio(server, mode) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> Document:
    """Call a tool that must not fail; return its structured content."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content


def nearly_expired(server: Server) -> str:
    """Return a token of the agent that is accepted for a moment more, thanks to the leeway of 30 s."""
    claims = jwt.decode(server.token(), options={"verify_signature": False})
    end = int(time.time()) - 25
    times = {"iat": end - 60, "nbf": end - 60, "exp": end}
    secret = (server.data / "local.secret").read_bytes().strip()
    return jwt.encode(claims | times, secret, "HS256")
