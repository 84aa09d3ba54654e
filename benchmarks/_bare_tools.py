"""What our tools are compared with: the SDK's low-level server with two tools, over HTTP.

    python _bare_tools.py PORT

`echo` says what it is told; `run` starts a program with asyncio and says how it ended.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from _bare import serve
from mcp import types
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


async def _list_tools(_: Any, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    names = ("echo", "run")
    return types.ListToolsResult(tools=[types.Tool(name=name, input_schema=TEXT) for name in names])


async def _call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    said = str((params.arguments or {})["text"])
    if params.name == "run":
        null, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        program = await asyncio.create_subprocess_exec(said, stdin=null, stdout=pipe, stderr=pipe)
        await program.communicate()
        said = f"ended with {program.returncode}"
    content = [types.TextContent(type="text", text=said)]
    return types.CallToolResult(content=list(content), structured_content={"said": said})


def application() -> Starlette:
    """Return the application."""
    server: Server[Any] = Server(
        "bare", version="1", on_list_tools=_list_tools, on_call_tool=_call_tool
    )
    manager = StreamableHTTPSessionManager(server)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with manager.run():
            yield

    app = Starlette(lifespan=lifespan)
    app.router.routes.append(Route("/mcp", _Endpoint(manager)))
    return app


class _Endpoint:
    """The ASGI application of a route; a function would be taken for one of requests."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)


if __name__ == "__main__":
    serve(application(), int(sys.argv[1]))
