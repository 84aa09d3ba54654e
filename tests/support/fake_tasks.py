"""A store of tasks in memory, and what a handler sees of its client."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
from mcp import types

from errandry.mcp.tasks import EXTENSION, Task

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
WORKING = Task("t1", "working", NOW, NOW, poll_ms=1000)
ASKING = replace(WORKING, status="input_required", input_requests={"name": {}, "age": {}})
DONE = replace(WORKING, status="completed", result={"content": []})


class Store:
    """Tasks in memory; `script` is what looks find, one after the other, `changes` what waits tell."""

    def __init__(self, *tasks: Task) -> None:
        self.tasks = {task.id: task for task in tasks}
        self.answers: list[tuple[str, Mapping[str, Any]]] = []
        self.cancelled: list[str] = []
        self.script: list[Task | Exception | None] = []
        self.changes: list[Collection[str] | None] = []
        self.looks: list[str] = []
        self.waits = 0

    async def get(self, _: Any, task_id: str) -> Task | None:
        self.looks.append(task_id)
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            return step
        return self.tasks.get(task_id)

    async def answer(self, _: Any, task_id: str, responses: Mapping[str, Any]) -> None:
        self.answers.append((task_id, responses))

    async def cancel(self, _: Any, task_id: str) -> None:
        self.cancelled.append(task_id)

    @contextmanager
    def watch(self, _: Any, task_ids: Collection[str]) -> Iterator["Store"]:
        yield self

    async def wait(self, seconds: float) -> Collection[str] | None:
        await anyio.lowlevel.checkpoint()
        self.waits += 1
        return self.changes.pop(0) if self.changes else None


class Session:
    """What a handler sees of its client."""

    def __init__(self, *, knows: bool) -> None:
        extensions: dict[str, dict[str, Any]] | None = {EXTENSION: {}} if knows else None
        self.client_capabilities = types.ClientCapabilities(extensions=extensions)
        self.sent: list[dict[str, Any]] = []

    async def send_notification(self, notification: Any, related: Any) -> None:
        assert related == "r"
        self.sent.append(notification.model_dump(by_alias=True, mode="json", exclude_none=True))


def context(
    *, knows: bool = True, version: str = "2026-07-28", headers: dict[str, str] | None = None
) -> Any:
    return SimpleNamespace(
        session=Session(knows=knows),
        protocol_version=version,
        method="tasks/any",
        request_id="r",
        request=None if headers is None else SimpleNamespace(headers=headers),
    )
