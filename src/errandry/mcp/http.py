"""MCP over HTTP: our own bearer check in front of the SDK's transports.

The SDK's own check knows only issuers that are URLs and sends no scopes in its challenge; and a
mounted application would redirect `/mcp`. Hence exact routes on the transports' ASGI handlers.
"""

from datetime import UTC, datetime

import anyio
from mcp import types
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errandry.auth.bearer import bearer_token
from errandry.auth.verifier import TokenVerifier, Verified
from errandry.errors import InvalidToken, NotAuthenticated
from errandry.mcp import messages
from errandry.mcp.callers import PRINCIPAL_KEY
from errandry.problems import problem_response


class McpEndpoint:
    """The ASGI application of one exact route: the transport behind the bearer check."""

    def __init__(self, transport: ASGIApp, verifier: TokenVerifier, challenge: str) -> None:
        self._transport = transport
        self._verifier = verifier
        self._challenge = challenge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a stream ends when its token expires."""
        try:
            token = bearer_token(Headers(scope=scope).get("authorization"))
            verified = self._verifier.verify(token)
        except NotAuthenticated as error:
            await problem_response(error, self._challenge)(scope, receive, send)
            return
        message = await receive()  # the guard in front has put the whole body into one
        body = message.get("body", b"")
        if body.strip() and (wrong := messages.fault(body)):  # an empty one is the SDK's to answer
            await _refusal(wrong)(scope, receive, send)
            return
        scope[PRINCIPAL_KEY] = verified.principal
        scope["user"] = _owner_of_session(verified)
        left = verified.expires_at - datetime.now(UTC)
        answer = _Answer(send)
        with anyio.move_on_after(max(1.0, left.total_seconds())) as until_expiry:
            await self._transport(scope, _after(message, receive), answer.send)
        if until_expiry.cancelled_caught and not answer.began:
            late = InvalidToken("The token ran out while the request was served")
            await problem_response(late, self._challenge)(scope, receive, send)
        elif answer.is_open:
            await send({"type": "http.response.body", "body": b""})


class _Answer:
    """Knows how far an answer has come: one that is cut off has begun and is open."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = False
        self.is_open = False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        self.began = True
        self.is_open = message["type"] == "http.response.start" or message.get("more_body", False)
        await self._send(message)


def _refusal(error: types.ErrorData) -> JSONResponse:
    refusal = {"code": error.code, "message": error.message}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": refusal}, 400)


def _after(message: Message, receive: Receive) -> Receive:
    """Give the message that was taken already, then the others."""
    waiting = [message]

    async def receive_next() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_next


def _owner_of_session(verified: Verified) -> AuthenticatedUser:
    """Return what the manager binds a session to: the identity, never the token."""
    caller = verified.principal
    return AuthenticatedUser(
        AccessToken(
            token="",
            client_id=caller.sub,
            scopes=sorted(caller.scopes),
            subject=caller.sub,
            claims={"iss": caller.iss},
        )
    )
