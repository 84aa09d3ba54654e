"""An MCP server on stdio whose one tool runs as tasks that are kept in a dictionary."""

import secrets
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server

from errandry.mcp.tasks import Task, Tasks

tasks: dict[str, Task] = {}


def change(task_id: str, **fields: Any) -> None:
    if not tasks[task_id].is_final:
        tasks[task_id] = replace(tasks[task_id], updated_at=datetime.now(UTC), **fields)


class Store:
    async def get(self, context: Any, task_id: str) -> Task | None:
        return tasks.get(task_id)  # with several callers: None when it is not this one's

    async def answer(self, context: Any, task_id: str, responses: Any) -> None: ...  # none asks

    async def cancel(self, context: Any, task_id: str) -> None:
        change(task_id, status="cancelled")

    def watch(self, context: Any, task_ids: Any) -> "nullcontext[Store]":
        return nullcontext(self)

    async def wait(self, seconds: float) -> None:
        await anyio.sleep(0.1)  # better: until something changes, or `seconds` have passed


async def count(task_id: str) -> None:
    for number in (1, 2, 3):
        await anyio.sleep(0.2)
        change(task_id, message=f"{number} of 3")
    change(task_id, status="completed", result={"content": [], "structuredContent": {"n": 3}})


async def main() -> None:
    async def call_tool(context: Any, _: Any) -> Any:
        Tasks.require(context)
        task_id, now = secrets.token_hex(16), datetime.now(UTC)
        tasks[task_id] = Task(task_id, "working", now, now, poll_ms=200)
        group.start_soon(count, task_id)
        return Tasks.created(tasks[task_id])

    server = Server("counter", on_call_tool=call_tool)
    Tasks(Store()).install(server)
    async with stdio_server() as (inbound, outbound), anyio.create_task_group() as group:
        await server.run(inbound, outbound, server.create_initialization_options())


anyio.run(main)
