"""Serves the answers of a test's own API over HTTP."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from errandry.errors import ErrandryError
from errandry.problems import problem


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in; `sub` is the caller, `seconds` how long its token lives."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: Any
    key: str | None
    accept: str
    sub: str
    seconds: int


class Answers(Protocol):
    """An API: a refusal is raised, a text is sent as it is."""

    def caller(self, authorization: str) -> tuple[str, int]:
        """Return who a token names, and for how many seconds it was made."""
        ...

    def answer(self, seen: Seen) -> tuple[int, Any]:
        """Return status and document, or status and text."""
        ...

    def loses(self, seen: Seen) -> bool:
        """Return whether the answer to a request never reaches the client."""
        ...


class Handler(BaseHTTPRequestHandler):
    """Asks an API and sends what it answers."""

    api: Answers
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client may go at any time
            super().handle()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            seen = self._seen(body)
            status, answer = self.api.answer(seen)
        except ErrandryError as error:
            answer = problem(error)
            status = answer["status"]
        else:
            if self.api.loses(seen):
                self.close_connection = True
                return
        self._send(status, answer if isinstance(answer, str) else json.dumps(answer))

    def _seen(self, body: bytes) -> Seen:
        url = urlsplit(self.path)
        return Seen(
            self.command,
            url.path,
            parse_qs(url.query),
            json.loads(body) if body else None,
            self.headers.get("Idempotency-Key"),
            self.headers.get("Accept", "*/*"),
            *self.api.caller(self.headers.get("Authorization", "")),
        )

    def _send(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def handler(api: Answers) -> type[Handler]:
    """Return what handles the requests of one API."""
    return type("BoundHandler", (Handler,), {"api": api})
