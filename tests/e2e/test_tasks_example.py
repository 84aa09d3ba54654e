"""The program in docs/ that serves its own tasks with our package."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from support.server import Document
from support.waiting import LIMIT_S, until
from support.wire import KNOWS_TASKS, TASKS, envelope

EXAMPLE: Final = Path(__file__).parents[2] / "docs" / "examples" / "tasks_server.py"


class Program:
    """The example, spoken to on its stdin and stdout."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, EXAMPLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, method: str, knows: Document = KNOWS_TASKS, **params: Any) -> None:
        """Send a request whose id is its method."""
        message = {"jsonrpc": "2.0", "id": method, "method": method}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message | {"params": envelope(params, knows)}) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Document:
        """Return the next message."""
        assert self._process.stdout is not None
        message: Document = json.loads(self._process.stdout.readline())
        return message

    def request(self, method: str, knows: Document = KNOWS_TASKS, **params: Any) -> Document:
        """Send a request and return its answer."""
        self.send(method, knows, **params)
        return self.receive()

    def close(self) -> None:
        """Close its stdin; it has to end."""
        _, _ = self._process.communicate(timeout=LIMIT_S)
        assert self._process.returncode == 0


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program()
    yield program
    program.close()


def start(program: Program) -> str:
    made: Document = program.request("tools/call", name="count", arguments={})["result"]
    assert made["resultType"] == "task"
    assert made["ttlMs"] is None
    task_id: str = made["taskId"]
    return task_id


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 60


def test_it_makes_tasks_shows_them_and_gives_their_results(program: Program) -> None:
    assert program.request("server/discover")["result"]["capabilities"]["extensions"] == {TASKS: {}}
    task_id = start(program)
    seen: Document = {}

    def is_done() -> bool:
        nonlocal seen
        seen = program.request("tasks/get", taskId=task_id)["result"]
        return bool(seen["status"] == "completed")

    until(is_done, "the end of the count")
    assert seen["result"]["structuredContent"] == {"n": 3}


def test_it_pushes_changes(program: Program) -> None:
    task_id = start(program)
    program.send("subscriptions/listen", notifications={"taskIds": [task_id]})
    assert program.receive()["params"]["notifications"] == {"taskIds": [task_id]}
    pushed = []
    while "result" not in (frame := program.receive()):
        pushed.append((frame["params"]["status"], frame["params"].get("statusMessage")))
    assert pushed[-1] == ("completed", "3 of 3")
    assert ("working", "2 of 3") in pushed


def test_it_cancels_and_refuses(program: Program) -> None:
    task_id = start(program)
    program.request("tasks/cancel", taskId=task_id)
    assert program.request("tasks/get", taskId=task_id)["result"]["status"] == "cancelled"
    refused = program.request("tools/call", {}, name="count", arguments={})
    assert refused["error"]["code"] == -32021
    assert program.request("tasks/get", taskId="other")["error"]["code"] == -32602
