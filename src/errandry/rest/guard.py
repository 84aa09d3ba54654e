"""What every request passes first: an id, the Host and Origin checks, the limits of its body."""

import logging
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errandry import problems
from errandry.errors import (
    ErrandryError,
    InvalidRequest,
    MisdirectedRequest,
    NotPermitted,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from errandry.jsontext import JsonError, loads
from errandry.rest.activity import Activity
from errandry.rest.metrics import Metrics
from errandry.rest.site import Site

_log = logging.getLogger("errandry.access")

_MCP = ("/mcp", "/messages/")


class Guard:
    """ASGI middleware in front of all routes, MCP included."""

    def __init__(self, app: ASGIApp, site: Site, activity: Activity, metrics: Metrics) -> None:
        self._app = app
        self._site = site
        self._activity = activity
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._activity.request():
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id, began, status = secrets.token_hex(8), time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            self._check_source(Headers(scope=scope))
            _check_target(scope)
            checked = await self._checked_body(scope, receive)
            await self._app(scope, checked, send_with_id)
        except ErrandryError as error:
            await self._refuse(error)(scope, receive, send_with_id)
        except Exception:
            _log.exception("a request failed", extra={"request_id": request_id})
            if status:
                raise  # the answer has begun; the connection is all that can be ended
            await self._refuse(problems.unexpected())(scope, receive, send_with_id)
        finally:
            took_s = time.monotonic() - began
            self._metrics.count(scope, status, took_s)
            _log.debug(
                "request",
                extra={
                    "request_id": request_id,
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "took_ms": round(took_s * 1e3, 1),
                },
            )

    def _refuse(self, error: ErrandryError) -> Response:
        return problems.problem_response(error, self._site.challenge)

    def _check_source(self, headers: Headers) -> None:
        """Keep out pages that reach a loopback server by a name of theirs (DNS rebinding)."""
        if not self._site.allows_host(headers.get("host", "")):
            raise MisdirectedRequest(
                f'This server is not called "{headers.get("host", "")}"',
                next_step="Use its public address, or let the operator add the name to ALLOWED_HOSTS.",
            )
        origin = headers.get("origin")
        if origin is not None and not self._site.allows_origin(origin):
            raise NotPermitted(
                f'Pages of the origin "{origin}" may not call this server',
                next_step="The operator can add the origin to ALLOWED_ORIGINS.",
            )

    async def _checked_body(self, scope: Scope, receive: Receive) -> Receive:
        """Read the whole body within its limit, check it, and return what replays it."""
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        limit = self._site.body_limit_bytes
        if declared.isdecimal() and int(declared) > limit:
            raise _too_large(limit)
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return receive  # the client is gone
            body += message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            if not message.get("more_body", False):
                break
        if body and scope["path"] not in _MCP:  # it has its own answers to what it cannot read
            _check_json(headers.get("content-type", ""), bytes(body))
        return _replay(bytes(body), receive)


def _check_target(scope: Scope) -> None:
    """No text of ours has a NUL, and PostgreSQL takes none."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise InvalidRequest("The address contains a NUL character")


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than the {limit} bytes that are allowed")


def _check_json(content_type: str, body: bytes) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType(
            f'The body is of type "{kind}"',
            next_step="Send JSON with Content-Type: application/json.",
        )
    try:
        loads(body)
    except JsonError as error:
        raise InvalidRequest(f"The body is no JSON that can be accepted: {error}") from error


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
