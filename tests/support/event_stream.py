"""Reads server-sent events."""

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
import httpx2

from support.rest_client import RestClient
from support.waiting import LIMIT_S

_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Servers of tests speak plain HTTP, and reading the certificates takes long for 200 clients."""


@dataclass(frozen=True)
class Sent:
    """One frame: its event, its id and its data."""

    event: str
    id: int | None
    data: Any


class EventStream:
    """An open stream; `comments` counts those seen so far."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.comments = 0
        self._frames = self._read()

    async def _read(self) -> AsyncGenerator[Sent]:
        fields: dict[str, str] = {}
        async for line in self.answer.aiter_lines():
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif fields:
                number = int(fields["id"]) if "id" in fields else None
                yield Sent(fields["event"], number, json.loads(fields["data"]))
                fields = {}
            elif line:
                self.comments += 1

    async def until(self, event: str, **data: Any) -> list[Sent]:
        """Return the frames up to the first of this event whose data has these values."""
        seen: list[Sent] = []
        with anyio.fail_after(LIMIT_S):
            async for sent in self._frames:
                seen.append(sent)
                if sent.event == event and data.items() <= sent.data.items():
                    return seen
        raise AssertionError(f"the stream ended without {event} {data}: {seen}")

    async def rest(self) -> list[Sent]:
        """Return all that is still to come; the stream has to end."""
        with anyio.fail_after(LIMIT_S):
            return [sent async for sent in self._frames]


@asynccontextmanager
async def following(
    client: RestClient, path: str, last_event_id: int | None = None, **query: Any
) -> AsyncIterator[EventStream]:
    """Have a stream open while the block lasts, as the principal of this client."""
    headers = {"Accept": "text/event-stream"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = str(last_event_id)
    async with (
        httpx2.AsyncClient(
            base_url=client.http.base_url,
            headers=client.http.headers,
            timeout=LIMIT_S,
            trust_env=False,
            verify=_NO_CERTIFICATES,
        ) as http,
        http.stream("GET", path, headers=headers, params=query) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        stream = EventStream(answer)
        async with aclosing(stream._frames):
            yield stream


def numbers(frames: list[Sent]) -> list[int]:
    """The ids of those that have one."""
    return [sent.id for sent in frames if sent.id is not None]
