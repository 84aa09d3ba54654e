"""Server-sent events (the HTML standard, 9.2): the frames, and the life of an open stream."""

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import Any, Final

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from errandry import clock
from errandry.errors import Unavailable
from errandry.jsontext import compact
from errandry.service.frames import Frame

MEDIA_TYPE: Final = "text/event-stream"
FRAME: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
"""A frame as the OpenAPI document shows it."""
COMMENT: Final = b":\n\n"
COMMENT_S: Final = 15.0
_END_S: Final = 1.0


def encode(frame: Frame) -> bytes:
    """Return the text of a frame; JSON has no line breaks, so its data is one line."""
    number = "" if frame.number is None else f"id: {frame.number}\n"
    return f"{number}event: {frame.event}\ndata: {compact(frame.data)}\n\n".encode()


class Streams:
    """The open streams of one server."""

    def __init__(self) -> None:
        self._open: set[anyio.CancelScope] = set()
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def close(self) -> None:
        """End all of them, and open no others: the server drains."""
        self._is_closed = True
        for scope in self._open:
            scope.cancel()

    def answer(self, frames: AsyncGenerator[Frame], expires_at: datetime) -> Response:
        """Return the answer that streams these frames until the token expires.

        Raises:
            Unavailable: the server drains.
        """
        if self._is_closed:
            raise Unavailable(
                "The server is shutting down and opens no streams",
                next_step="Connect again once it is back; nothing of the history is lost.",
            )
        return _EventStream(self, frames, expires_at)

    @contextmanager
    def until(self, expires_at: datetime) -> Generator[anyio.CancelScope]:
        """Count a stream while the block lasts, and end the block at that moment or with `close`."""
        left = (expires_at - clock.now()).total_seconds()
        with anyio.move_on_after(max(1.0, left)) as scope:
            self._open.add(scope)
            try:
                yield scope
            finally:
                self._open.discard(scope)


class _EventStream(Response):
    """Sends frames as the client takes them, and ends when the client goes."""

    media_type = MEDIA_TYPE

    def __init__(
        self, streams: Streams, frames: AsyncGenerator[Frame], expires_at: datetime
    ) -> None:
        self._streams = streams
        self._frames = frames
        self._expires_at = expires_at
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        with self._streams.until(self._expires_at) as end:
            async with anyio.create_task_group() as group:
                group.start_soon(_cancel_when_gone, receive, end)
                group.start_soon(_comment, send)
                async with aclosing(self._frames) as frames:
                    async for frame in frames:
                        await _send(send, encode(frame))
                group.cancel_scope.cancel()
        with anyio.move_on_after(_END_S):  # a client that takes nothing is not waited for
            await _send(send, b"", more=False)


async def _cancel_when_gone(receive: Receive, end: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    end.cancel()


async def _comment(send: Send) -> None:
    """Keep the connection in use, so that nobody between takes it for dead."""
    while True:
        await anyio.sleep(COMMENT_S)
        await _send(send, COMMENT)


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
