"""Frames on the wire, and what ends an open stream."""

import json
from collections.abc import AsyncGenerator
from datetime import datetime

import anyio
import pytest
from starlette.types import Message

from errandry import clock
from errandry.errors import Unavailable
from errandry.rest import sse
from errandry.rest.sse import Streams, encode
from errandry.service.frames import RESYNC, Frame
from support.waiting import LIMIT_S


def test_an_event_of_the_history_has_its_number_as_id() -> None:
    assert encode(Frame("queued", {"seq": 2}, 2)) == b'id: 2\nevent: queued\ndata: {"seq":2}\n\n'


def test_what_is_live_only_has_no_id() -> None:
    assert encode(RESYNC) == b"event: resync\ndata: {}\n\n"


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\rb", "id: 7\n\nevent: finished", "\u2028é"])
def test_text_never_breaks_out_of_its_line(text: str) -> None:
    sent = encode(Frame("log", {"text": text})).decode()
    event, data, *rest = sent.replace("\r", "\n").split("\n")
    assert (event, rest) == ("event: log", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {"text": text}


class Client:
    """Stands for the server below the application: takes what is sent, until it takes no more."""

    def __init__(self, takes: int = 1_000_000) -> None:
        self.sent: list[Message] = []
        self.gone = anyio.Event()
        self.stuck = anyio.Event()
        self._takes = takes
        self._asked = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if len(self.sent) >= self._takes:
            self.stuck.set()
            await anyio.sleep_forever()
        self.sent.append(message)

    @property
    def text(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def was_told_the_end(self) -> bool:
        return self.sent[-1].get("more_body") is False


class Source:
    """Frames that never end by themselves, unless `count` says so."""

    def __init__(self, count: int = 1_000_000, *, waits: bool = True) -> None:
        self.given = 0
        self.is_closed = False
        self._count = count
        self._waits = waits

    async def frames(self) -> AsyncGenerator[Frame]:
        try:
            while self.given < self._count:
                self.given += 1
                yield Frame("task", {"number": self.given})
                if self._waits:
                    await anyio.sleep_forever()
        finally:
            self.is_closed = True


async def serve(streams: Streams, client: Client, source: Source, expires_at: datetime) -> None:
    with anyio.fail_after(LIMIT_S):
        answer = streams.answer(source.frames(), expires_at)
        await answer({"type": "http"}, client.receive, client.send)
    assert source.is_closed


def later() -> datetime:
    return clock.after(clock.now(), 3600)


async def test_a_stream_ends_when_there_is_nothing_more(streams: Streams) -> None:
    client = Client()
    await serve(streams, client, Source(2, waits=False), later())
    assert client.text == encode(Frame("task", {"number": 1})) + encode(
        Frame("task", {"number": 2})
    )
    assert client.was_told_the_end
    headers = dict(client.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"cache-control"] == b"no-store"
    assert b"content-length" not in headers


async def test_a_stream_ends_when_its_client_goes(streams: Streams) -> None:
    client = Client()
    client.gone.set()
    await serve(streams, client, Source(), later())
    assert streams.count == 0


async def test_a_stream_ends_with_its_token(streams: Streams) -> None:
    client = Client()
    await serve(streams, client, Source(), clock.now())
    assert client.was_told_the_end


async def test_a_reader_that_takes_nothing_is_not_read_for_and_ends_with_its_token(
    streams: Streams,
) -> None:
    client, source = Client(takes=3), Source(waits=False)
    await serve(streams, client, source, clock.now())
    assert client.stuck.is_set()
    assert source.given == 3  # one is under way, and no more


async def test_a_server_that_drains_ends_its_streams_and_opens_no_others(streams: Streams) -> None:
    clients = [Client(), Client(takes=2)]
    with anyio.fail_after(LIMIT_S):
        async with anyio.create_task_group() as group:
            for client in clients:
                group.start_soon(serve, streams, client, Source(), later())
            while not all(len(client.sent) == 2 for client in clients):
                await anyio.sleep(0.001)
            assert streams.count == 2
            streams.close()
    assert clients[0].was_told_the_end
    assert streams.count == 0
    with pytest.raises(Unavailable):
        streams.answer(Source().frames(), later())


async def test_a_stream_on_which_nothing_happens_has_comments(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "COMMENT_S", 0.001)
    client = Client()
    with anyio.fail_after(LIMIT_S):
        async with anyio.create_task_group() as group:
            group.start_soon(serve, streams, client, Source(), later())
            while client.text.count(b"\n:\n\n") < 2:
                await anyio.sleep(0.001)
            client.gone.set()


@pytest.fixture
def streams() -> Streams:
    return Streams()
