"""Sends one HTTP request and reads its answer."""

import time
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Final

import anyio
import httpx2

from errandry import __version__
from errandry.commands.httptemplate import HttpRequest, render_request
from errandry.commands.model import HttpSpec
from errandry.errors import InvalidArguments
from errandry.execution.capture import TAIL_BYTES
from errandry.execution.executors.port import Context, failed, lost, succeeded
from errandry.execution.executors.ssrf import GuardedTransport, NotPublic, Resolve, resolve
from errandry.jsontext import JsonError, loads
from errandry.tasks.retry import Ending

MAX_BODY: Final = 1024 * 1024
"""Bytes of an answer, after it was unpacked."""

_LATIN: Final = frozenset({"iso-8859-1", "latin-1", "us-ascii"})


@dataclass(frozen=True, slots=True)
class _Answer:
    """A status, what was read of the body, and whether that is all of it."""

    status: int
    kind: str
    charset: str | None
    body: bytes
    is_whole: bool

    def document(self) -> Any:
        """The body: JSON if it says so and is so, else text; None when there is none."""
        if not self.body:
            return None
        if self.kind == "application/json" or self.kind.endswith("+json"):
            try:
                return loads(self.body)
            except JsonError:
                pass  # then it is text
        return self.text()

    def text(self) -> str:
        """The body as text; what is none becomes U+FFFD."""
        encoding = "latin-1" if self.charset in _LATIN else "utf-8"
        return self.body.decode(encoding, "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


class HttpExecutor:
    """The executor of `run: http`.

    `look_up` finds the addresses of a host, `tls` says which certificates are trusted; by default
    both are those of the system.
    """

    def __init__(self, look_up: Resolve = resolve, tls: SSLContext | None = None) -> None:
        self._look_up = look_up
        self._tls = tls
        self._running: set[anyio.CancelScope] = set()

    def feed(self, lease_until: float) -> None:
        """Let every running call go on until that moment (monotonic), and no longer."""
        for scope in self._running:
            scope.deadline = lease_until

    def kill(self) -> None:
        """Break off every running call. What was sent cannot be recalled."""
        for scope in self._running:
            scope.cancel()

    async def run(self, context: Context) -> Ending:
        """Send the request and wait for the answer; see `Executor.run`."""
        spec = context.command.run
        if not isinstance(spec, HttpSpec):
            raise TypeError(f"the command {context.command.name} is no HTTP request")
        try:
            request = render_request(spec, context.arguments, context.secrets)
        except InvalidArguments as error:
            return failed(context, "not_startable", str(error))
        scope = anyio.CancelScope(deadline=context.lease_until)
        self._running.add(scope)
        try:
            with scope:
                return await self._call(context, spec, request)
        finally:
            self._running.discard(scope)
        return lost(context, "The worker could not renew its lease, so the call was broken off")

    async def _call(self, context: Context, spec: HttpSpec, wanted: HttpRequest) -> Ending:
        self._tls = self._tls or httpx2.create_ssl_context()
        request = _request(wanted, context.task_id)
        where = request.url.netloc.decode()
        _log(context, f"> {wanted.method} {request.url}")
        context.on_start()
        began = time.monotonic()
        try:
            async with GuardedTransport(self._tls, _places(spec.allow), self._look_up) as transport:
                answer = await _read(await transport.handle_async_request(request))
        except NotPublic as error:
            message = (
                f"{error}, which is not public; `allow: [{where}]` in the command would open it"
            )
            return failed(context, "not_startable", message)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return failed(context, "not_startable", f"No connection to {where}: {error}")
        except httpx2.DecodingError as error:
            return failed(context, "result_invalid", f"The answer cannot be unpacked: {error}")
        except httpx2.TransportError as error:
            return lost(context, f"The connection to {where} broke before the answer: {error}")
        seconds = time.monotonic() - began
        _log(context, f"< {answer.status}, {len(answer.body)} bytes in {seconds:.3f} s")
        return _ending(context, spec, answer)


def _request(wanted: HttpRequest, task_id: str) -> httpx2.Request:
    """Return the request with the headers that are ours unless the command sets them."""
    headers = httpx2.Headers(
        {
            "User-Agent": f"errandry/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "gzip, deflate",
            "Idempotency-Key": task_id,
        },
        encoding="utf-8",
    )
    headers.update(httpx2.Headers(wanted.headers, encoding="utf-8"))
    headers["Connection"] = "close"
    return httpx2.Request(wanted.method, wanted.url, headers=headers, content=wanted.content)


def _places(allow: tuple[str, ...]) -> set[tuple[str, int]]:
    """Return `host:port` as pairs, as they are compared with those of a URL."""
    pairs = [place.rpartition(":") for place in allow]
    return {(host.strip("[]").lower(), int(port)) for host, _, port in pairs}


async def _read(response: httpx2.Response) -> _Answer:
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_BODY:
                break
    finally:
        await response.aclose()
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    charset = (response.charset_encoding or "").lower()
    return _Answer(
        response.status_code, kind, charset, bytes(body[:MAX_BODY]), len(body) <= MAX_BODY
    )


def _ending(context: Context, spec: HttpSpec, answer: _Answer) -> Ending:
    expected = spec.ok_status or range(200, 300)
    if answer.status not in expected:
        text = context.redaction.text(answer.text())  # before it is cut, perhaps in a secret
        context.capture.feed("stderr", text[:TAIL_BYTES].encode())
        allowed = ", ".join(map(str, spec.ok_status)) or "200 … 299"
        message = f"The server answered with the status {answer.status}; expected: {allowed}"
        return failed(context, "http_status", message)
    if not answer.is_whole:
        return failed(context, "result_invalid", f"The answer has more than {MAX_BODY} bytes")
    return succeeded(context, {"status": answer.status, "body": answer.document()})


def _log(context: Context, line: str) -> None:
    context.capture.feed("stdout", f"{line}\n".encode())
