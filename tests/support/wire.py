"""Raw requests of 2026-07-28 on both roads: what is sent and what comes back, byte by byte if need be."""

import itertools
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx2

from support.server import AGENT, Document, Server
from support.waiting import LIMIT_S, until

PREFIX: Final = "io.modelcontextprotocol/"
TASKS: Final = f"{PREFIX}tasks"
KNOWS_TASKS: Final[Document] = {"extensions": {TASKS: {}}}
FINAL: Final = ("completed", "failed", "cancelled")
SUBSCRIPTION: Final = f"{PREFIX}subscriptionId"

_ids = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """One answer; `status` is that of HTTP, None on the socket."""

    status: int | None
    message: Document

    @property
    def result(self) -> Document:
        """The result, which there must be."""
        assert "result" in self.message, self.message
        result: Document = self.message["result"]
        return result

    @property
    def error(self) -> Document:
        """The error, which there must be."""
        assert "error" in self.message, self.message
        error: Document = self.message["error"]
        return error

    @property
    def code(self) -> int:
        """The code of the error; over HTTP with the status that belongs to it."""
        code: int = self.error["code"]
        statuses = {-32020: 400, -32021: 400, -32601: 404, -32602: 400}
        assert self.status in (None, statuses[code]), self
        return code


class Road(Protocol):
    """A way to the server."""

    def request(
        self,
        method: str,
        params: Document | None = None,
        knows: Document = KNOWS_TASKS,
        meta: Document | None = None,
    ) -> Answer:
        """Send a request and wait for its answer."""

    def listen(self, knows: Document = KNOWS_TASKS, **wanted: Any) -> Any:
        """Open a stream of `subscriptions/listen`; yield its frames, the result or error last."""

    def close(self) -> None:
        """Close it."""


def envelope(params: Document, knows: Document, meta: Document | None = None) -> Document:
    """Return parameters with the `_meta` that every request of this revision has."""
    own = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": knows}
    return {**params, "_meta": own | (meta or {})}


class HttpRoad:
    """Streamable HTTP, as the local principal `sub`."""

    def __init__(self, server: Server, sub: str = "agent", scope: str = AGENT) -> None:
        self.http = httpx2.Client(
            base_url=server.url,
            headers={
                "Authorization": f"Bearer {server.token(sub, scope)}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2026-07-28",
            },
            timeout=LIMIT_S,
            trust_env=False,
        )

    def request(
        self,
        method: str,
        params: Document | None = None,
        knows: Document = KNOWS_TASKS,
        meta: Document | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send a request; `headers` change those that belong to it, None leaves one out."""
        body = _message(method, envelope(params or {}, knows, meta))
        answer = self.http.post("/mcp", json=body, headers=_headers(method, params, headers))
        if answer.headers["content-type"].startswith("text/event-stream"):
            return Answer(answer.status_code, list(_frames(answer.iter_lines()))[-1])
        return Answer(answer.status_code, answer.json())

    @contextmanager
    def listen(self, knows: Document = KNOWS_TASKS, **wanted: Any) -> Iterator[Iterator[Document]]:
        """Open a stream."""
        method = "subscriptions/listen"
        body = _message(method, envelope({"notifications": wanted}, knows))
        with self.http.stream("POST", "/mcp", json=body, headers=_headers(method)) as answer:
            if answer.headers["content-type"].startswith("text/event-stream"):
                yield _frames(answer.iter_lines())
            else:
                yield iter([json.loads(answer.read())])

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


class SocketRoad:
    """The private socket."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(LIMIT_S)
        self._socket.connect(str(server.data / "mcp.sock"))
        self._lines = self._socket.makefile("rb")
        self.last_id: Any = None
        """That of the last request."""

    def send(self, message: Document) -> None:
        """Send one message."""
        self.last_id = message.get("id", self.last_id)
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> Document:
        """Return the next message."""
        message: Document = json.loads(self._lines.readline())
        return message

    def request(
        self,
        method: str,
        params: Document | None = None,
        knows: Document = KNOWS_TASKS,
        meta: Document | None = None,
    ) -> Answer:
        """Send a request; what comes before its answer is dropped."""
        body = _message(method, envelope(params or {}, knows, meta))
        self.send(body)
        while (message := self.receive()).get("id") != body["id"]:
            pass
        return Answer(None, message)

    @contextmanager
    def listen(self, knows: Document = KNOWS_TASKS, **wanted: Any) -> Iterator[Iterator[Document]]:
        """Open a stream, and cancel it in the end."""
        body = _message("subscriptions/listen", envelope({"notifications": wanted}, knows))
        self.send(body)

        def frames() -> Iterator[Document]:
            while True:
                message = self.receive()
                yield message
                if message.get("id") == body["id"]:
                    return

        yield frames()
        cancelled = {"requestId": body["id"]}
        self.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled})

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()


def _message(method: str, params: Document) -> Document:
    return {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params}


def _headers(
    method: str, params: Document | None = None, change: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    named = params or {}
    name = named.get("taskId", named.get("name", named.get("uri")))
    headers = {"Mcp-Method": method, "Mcp-Name": name, **(change or {})}
    return {key: value for key, value in headers.items() if value is not None}


def _frames(lines: Iterator[str]) -> Iterator[Document]:
    for line in lines:
        if line.startswith("data:"):
            yield json.loads(line[5:])


class TaskClient:
    """What a client of the extension does, on either road."""

    def __init__(self, road: Road) -> None:
        self.road = road

    def call(self, tool: str, *texts: str, knows: Document = KNOWS_TASKS, **more: Any) -> Document:
        """Call a tool whose parameters are `a`, `b`, …; return the result."""
        params = {"name": tool, "arguments": dict(zip("abcdef", texts, strict=False)), **more}
        return self.road.request("tools/call", params, knows).result

    def start(self, tool: str, *texts: str, **more: Any) -> Document:
        """Call a tool that must answer with a task; return it."""
        result = self.call(tool, *texts, **more)
        assert result["resultType"] == "task", result
        return result

    def get(self, task_id: str) -> Document:
        """Return a task as tasks/get shows it."""
        return self.road.request("tasks/get", {"taskId": task_id}).result

    def wait(self, task_id: str) -> Document:
        """Poll until the task is final; return it."""
        task: Document = {}

        def is_final() -> bool:
            nonlocal task
            task = self.get(task_id)
            return task["status"] in FINAL

        until(is_final, f"the end of {task_id}")
        return task

    def cancel(self, task_id: str) -> Document:
        """Cancel a task; return the answer."""
        return self.road.request("tasks/cancel", {"taskId": task_id}).result

    def close(self) -> None:
        """Close the connection."""
        self.road.close()


def core(document: Document) -> Document:
    """Return a task without what belongs to the frame around it."""
    return {key: each for key, each in document.items() if key not in ("_meta", "resultType")}
