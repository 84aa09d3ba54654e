"""A web server on loopback that answers as it is told, byte for byte, and keeps what it was asked."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from anyio.from_thread import start_blocking_portal

NEVER = b"never"
"""The answer that does not come."""


def answer(
    body: bytes | str = b"", *headers: str, status: str = "200 OK", kind: str = "text/plain"
) -> bytes:
    """Write an answer with its length."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + data


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in; names of headers are in small letters."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Web:
    """Serves raw answers by path. What has none is told what was asked, as JSON."""

    def __init__(self, answers: Mapping[str, bytes] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[Asked] = []
        self.came = asyncio.Event()
        self.gone = asyncio.Event()
        self.port = 0

    @asynccontextmanager
    async def serving(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> AsyncGenerator[Self]:
        """Listen while the block lasts."""
        server = await asyncio.start_server(self._serve, host, port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = await self._read(reader)
            self.asked.append(asked)
            self.came.set()
            answering = self.answers.get(asked.target.partition("?")[0], None)
            if answering == NEVER:
                await reader.read()
                self.gone.set()
            else:
                writer.write(_told(asked) if answering is None else answering)
                await writer.drain()
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Asked(method, target, headers, body)


def _told(asked: Asked) -> bytes:
    told: dict[str, Any] = {
        "method": asked.method,
        "target": asked.target,
        "headers": dict(asked.headers),
        "body": asked.body.decode(),
    }
    return answer(json.dumps(told), kind="application/json")


@contextlib.contextmanager
def web_in_a_thread(answers: Mapping[str, bytes] | None = None) -> Iterator[Web]:
    """Serve beside a test that is not asynchronous."""
    with start_blocking_portal() as portal:
        web = portal.call(Web, answers)
        with portal.wrap_async_context_manager(web.serving()):
            yield web
