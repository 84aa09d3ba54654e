"""How soon a change reaches those who watch: from the answer to a PUT to the frame.

Of one owner, so many streams of all tasks (`/events`), each of which is told; and so many of single
tasks, one of which is told (`open` says how many could be opened in time). The first against a bare FastAPI that puts the frame into a queue per
stream, in turns. `ratio` is that of the medians: lower is better.
"""

import asyncio
import json
import resource
import statistics
import time
from collections.abc import Sequence
from typing import Final, Self

from _bench import SHORT, bare, databases, errandry, percentile, ratio, rounds, tell
from _load import HEAD_END, Connection, request

from support.server import Server, shell

OPEN: Final = (5,) if SHORT else (100, 1000)
ROUNDS: Final = 8
AT_ONCE: Final = 50
OPEN_S: Final = 5.0
LIMIT_S: Final = 20.0
FORM: Final = {"command": "note", "arguments": {}, "title": "What to buy", "labels": {}}


class Stream(asyncio.Protocol):
    """An open stream; it knows when a text has come."""

    def __init__(self, asked: bytes) -> None:
        self._asked = asked
        self._text = b""
        self._wanted = b"\n\n"  # the first frame, whatever it says
        self._came: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int, path: str, headers: dict[str, str]) -> Self:
        """Open one and wait for its first frame."""
        asked = request("GET", path, Accept="text/event-stream", **headers).encode()
        loop = asyncio.get_running_loop()
        _, stream = await loop.create_connection(lambda: cls(asked), "127.0.0.1", port)
        await stream.came()
        return stream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        """Look for the text."""
        self._text += data
        if HEAD_END in self._text and not self._came.done():
            body = self._text.split(HEAD_END, 1)[1]
            if self._wanted in body:
                self._came.set_result(time.perf_counter())

    def expect(self, wanted: bytes) -> None:
        """Wait for another text from now on."""
        self._text, self._wanted = HEAD_END, wanted
        self._came = asyncio.get_running_loop().create_future()

    async def came(self) -> float:
        """Return when the text was there."""
        return await asyncio.wait_for(self._came, LIMIT_S)

    def close(self) -> None:
        """Close it."""
        if self._transport:
            self._transport.close()


class Watchers:
    """Streams of one server, and who changes a task of it."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._streams: list[Stream] = []
        self._asker: Connection | None = None
        self.after_send_ms: list[float] = []
        self.after_answer_ms: list[float] = []

    async def ask(self, method: str, path: str, body: object) -> bytes:
        """Send a request over the connection for those."""
        if self._asker is None or not self._asker.is_open:
            self._asker = await Connection.to(self._port)
        return await self._asker.ask(request(method, path, body, **self._headers).encode())

    async def new_task(self) -> str:
        """Make a task; return its id."""
        answer = await self.ask("POST", "/tasks", FORM)
        task_id: str = json.loads(answer.split(HEAD_END, 1)[1])["task"]["id"]
        return task_id

    async def watch(self, paths: Sequence[str]) -> int:
        """Open more streams, some at a time, while there is time; return how many are open."""
        end = time.monotonic() + OPEN_S
        for at in range(0, len(paths), AT_ONCE):
            if time.monotonic() > end:
                break
            opened = (Stream.open(self._port, path, self._headers) for path in paths[at:][:AT_ONCE])
            self._streams += await asyncio.gather(*opened)
        return len(self._streams)

    async def change(self, task_id: str, wanted: bytes, told: slice = slice(None)) -> None:
        """Change a task, and note when those that are to be told are."""
        streams = self._streams[told]
        for stream in streams:
            stream.expect(wanted)
        sent = time.perf_counter()
        await self.ask("PUT", f"/tasks/{task_id}", {"title": f"{sent}"})
        answered = time.perf_counter()
        came = await asyncio.gather(*(stream.came() for stream in streams))
        self.after_send_ms += [(moment - sent) * 1000 for moment in came]
        self.after_answer_ms += [(moment - answered) * 1000 for moment in came]

    def medians(self, count: int) -> list[float]:
        """Return the medians of the rounds, in each of which so many were told."""
        seen = self.after_send_ms
        return [statistics.median(seen[at : at + count]) for at in range(0, len(seen), count)]

    def told(self) -> dict[str, float]:
        """Return the figures from the answer on."""
        seen = self.after_answer_ms
        return {"p50_ms": percentile(seen, 0.5), "p99_ms": percentile(seen, 0.99)}

    def close(self) -> None:
        """Close all of them."""
        for stream in self._streams:
            stream.close()
        if self._asker:
            self._asker.close()


async def of_owner(name: str, server: Server, port: int, count: int) -> None:
    """Measure so many streams of all tasks of one owner, against bare ones."""
    own, other = Watchers(server.port, server.token()), Watchers(port)
    ids = [await each.new_task() for each in (own, other)]
    for each in (own, other):
        await each.watch(["/events"] * count)
    for _ in rounds(ROUNDS):
        for each, task_id in zip((own, other), ids, strict=True):
            await each.change(task_id, b"event: task")
    tell(
        f"streams.{name}.owner.{count}",
        ratio=ratio(own.medians(count), other.medians(count)),
        bare_p50_ms=other.told()["p50_ms"],
        **own.told(),
    )
    own.close()
    other.close()


async def of_tasks(name: str, server: Server, count: int) -> None:
    """Measure so many streams of as many tasks."""
    own = Watchers(server.port, server.token())
    ids = [await own.new_task() for _ in range(count)]
    is_open = await own.watch([f"/tasks/{task_id}/events" for task_id in ids])
    end = time.monotonic() + OPEN_S
    for number in rounds(ROUNDS):
        if time.monotonic() < end:
            at = number * is_open // ROUNDS
            await own.change(ids[at], b"event: updated", slice(at, at + 1))
    tell(f"streams.{name}.task.{count}", open=is_open, **own.told())
    own.close()


def main() -> None:
    """Measure and print."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the servers inherit it
    for name, database in databases():
        for count in OPEN:
            with errandry(database, shell("note", "true")) as server, bare(database) as port:
                asyncio.run(of_owner(name, server, port, count))
                asyncio.run(of_tasks(name, server, count))


if __name__ == "__main__":
    main()
