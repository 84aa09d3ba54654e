"""The load: an HTTP/1.1 client that costs little, in a process of its own.

As a program it reads one JSON line per run from stdin and answers with one. As a module: `Load`,
the side of who measures. It speaks to loopback only.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
LAST_CHUNK: Final = b"0\r\n\r\n"


@dataclass(frozen=True)
class Measured:
    """Answers per second, and the milliseconds of each."""

    per_s: float
    ms: list[float]


def request(method: str, path: str, body: object = None, **headers: str) -> str:
    """Return the text of a request; `_` in the names of headers stands for `-`."""
    content = "" if body is None else json.dumps(body)
    fields = {"Host": "127.0.0.1", "Content-Length": str(len(content)), **headers}
    if content:
        fields.setdefault("Content-Type", "application/json")
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", content])


class Connection(asyncio.Protocol):
    """A connection that stays open; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None

    @classmethod
    async def to(cls, port: int) -> Self:
        """Connect to a server on this machine."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to write to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits for an answer."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed"))

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer who waits when it is all there."""
        self._buffer += data
        head, found, body = self._buffer.partition(HEAD_END)
        if found and self._answer and _is_whole(head.lower(), body):
            self._buffer = b""
            self._answer.set_result(head + HEAD_END + body)

    @property
    def is_open(self) -> bool:
        """Whether it can be used; servers close what was idle for some seconds."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, raw: bytes) -> bytes:
        """Send a request and return its answer; one that is no success is an error."""
        if self._transport is None or not self.is_open:
            raise ConnectionResetError("the server has closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        answer = await self._answer
        if not answer.startswith(b"HTTP/1.1 2"):
            raise AssertionError(answer[:1000].decode(errors="replace"))
        return answer

    def close(self) -> None:
        """Close it."""
        if self._transport:
            self._transport.close()


def _is_whole(head: bytes, body: bytes) -> bool:
    at = head.find(LENGTH)
    if at < 0:
        return body.endswith(LAST_CHUNK)
    return len(body) >= int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])


async def run(port: int, requests: Sequence[str], at_once: int, seconds: float) -> Measured:
    """Ask the requests again and again over so many connections for so long."""
    connections = [await Connection.to(port) for _ in range(at_once)]
    each = itertools.cycle(raw.encode() for raw in requests)
    for connection in connections:
        await connection.ask(next(each))  # what is made at the first request does not count
    took: list[float] = []
    began = time.perf_counter()
    end = began + seconds

    async def client(connection: Connection) -> None:
        while (start := time.perf_counter()) < end:
            await connection.ask(next(each))
            took.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*map(client, connections))
    elapsed = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return Measured(len(took) / elapsed, took)


class Load:
    """The process that asks."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, port: int, requests: Sequence[str], at_once: int, seconds: float) -> Measured:
        """See `run` of this module."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([port, requests, at_once, seconds]) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            sys.exit("the load has failed")
        return Measured(*json.loads(line))


@contextmanager
def load() -> Iterator[Load]:
    """Have the process while the block lasts."""
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Load(process)


def main() -> None:
    """Answer one line after another until stdin closes."""
    for line in sys.stdin:
        measured = asyncio.run(run(*json.loads(line)))
        print(json.dumps([measured.per_s, measured.ms]), flush=True)


if __name__ == "__main__":
    main()
