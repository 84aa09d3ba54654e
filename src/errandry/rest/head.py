"""HEAD: what GET would answer, without its content (RFC 9110, 9.3.2)."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """ASGI middleware: the framework's routes know only the methods that they name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what a GET would go on with is cancelled: a stream has no end."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        with anyio.CancelScope() as content:

            async def send_head(message: Message) -> None:
                if message["type"] == "http.response.start":
                    with anyio.CancelScope(shield=True):
                        await send(message)
                        await send({"type": "http.response.body", "body": b""})
                    content.cancel()

            await self._app({**scope, "method": "GET"}, receive, send_head)
