"""The old transport HTTP+SSE (protocol 2024-11-05): a stream at `/sse`, messages to `/messages/`.

Deprecated by the specification and served for clients that speak nothing else. The SDK binds a stream to
the identity that opened it; each message has its own token all the same.
"""

from typing import Any, Final

from mcp.server import Server
from mcp.server.sse import SseServerTransport
from starlette.types import Receive, Scope, Send

MESSAGES: Final = "/messages/"


class SseTransport:
    """The two ASGI applications of the transport, behind the bearer check."""

    def __init__(self, server: Server[Any], body_limit_bytes: int) -> None:
        self._server = server
        self._transport = SseServerTransport(MESSAGES, max_request_body_size=body_limit_bytes)
        self.messages = self._transport.handle_post_message

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client as long as its stream is open."""
        async with self._transport.connect_sse(scope, receive, send) as (inbound, outbound):
            await self._server.run(inbound, outbound, self._server.create_initialization_options())
