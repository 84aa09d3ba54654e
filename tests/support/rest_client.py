"""One principal that speaks REST to a server."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from support.server import AGENT, Document, Server
from support.waiting import LIMIT_S, until

FINAL = ("succeeded", "failed", "cancelled")
_STEP_S = 5.0


def problem(answer: httpx2.Response, status: int, code: str) -> Document:
    """Check that an answer is this refusal, and return its document."""
    assert answer.status_code == status, f"{answer.request.url}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/problem+json"
    document: Document = answer.json()
    assert document["code"] == code
    assert document["type"] == f"urn:errandry:problem:{code}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document.keys() >= {"errors", "next_step"}
    return document


class RestClient:
    """Calls as the local principal `sub`, by default a new one."""

    def __init__(self, server: Server, sub: str | None = None, scope: str = AGENT) -> None:
        self.sub = sub or f"sub-{uuid.uuid4().hex}"
        self.http = httpx2.Client(
            base_url=server.url,
            headers={"Authorization": f"Bearer {server.token(self.sub, scope)}"},
            timeout=LIMIT_S,
            trust_env=False,
        )

    def create(
        self,
        command: str,
        arguments: Document | None = None,
        *,
        key: str | None = None,
        **more: Any,
    ) -> Document:
        """Make a task."""
        answer = self.http.post(
            "/tasks",
            json={"command": command, "arguments": arguments or {}, **more},
            headers={} if key is None else {"Idempotency-Key": key},
        )
        assert answer.status_code == 201, answer.text
        task: Document = answer.json()["task"]
        return task

    def start(self, command: str, *texts: str, **more: Any) -> Document:
        """Make a task of a command whose parameters are `a`, `b`, … and start it."""
        arguments = dict(zip("abcdef", texts, strict=False))
        return self.create(command, arguments, execute=True, **more)

    def ended(self, command: str, **arguments: Any) -> Document:
        """Make a task, start it and wait for its end; return it."""
        return self.wait(self.create(command, arguments, execute=True)["id"])

    def task(self, reference: str) -> Document:
        """Return a task with its attempts."""
        task: Document = self._get(f"/tasks/{reference}")["task"]
        return task

    def wait(self, reference: str, *states: str) -> Document:
        """Wait until a task has one of the states, by default a final one; return it."""
        status: Document = {}

        def is_there() -> bool:
            nonlocal status
            query: Document = {"wait": _STEP_S, "revision": status["revision"]} if status else {}
            status = self._get(f"/tasks/{reference}/status", **query)
            return status["status"] in (states or FINAL)

        until(is_there, f"{reference} to be {' or '.join(states or FINAL)}")
        return self.task(reference)

    def events(self, reference: str) -> list[Document]:
        """Return the history of a task, whole."""
        return list(self._events(reference))

    def log(self, reference: str, **query: Any) -> Document:
        """Return a page of a log."""
        return self._get(f"/tasks/{reference}/logs", **query)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def _events(self, reference: str) -> Iterator[Document]:
        cursor = None
        while True:
            query: Document = {"cursor": cursor} if cursor else {}
            page = self._get(f"/tasks/{reference}/events", limit=100, **query)
            yield from page["events"]
            if (cursor := page["next_cursor"]) is None:
                return

    def _get(self, path: str, **query: Any) -> Document:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        document: Document = answer.json()
        return document


@contextmanager
def calling(server: Server, sub: str | None = None, scope: str = AGENT) -> Iterator[RestClient]:
    """Have a client while the block lasts."""
    client = RestClient(server, sub, scope)
    try:
        yield client
    finally:
        client.close()
