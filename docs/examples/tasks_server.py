"""An MCP server on stdio whose one tool runs as tasks that are kept in a dictionary."""

import secrets
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server

from errandry.mcp.tasks import Task, Tasks

tasks: dict[str, Task] = {}


def change(task_id, **fields):
    if not tasks[task_id].is_final:
        tasks[task_id] = replace(tasks[task_id], updated_at=datetime.now(UTC), **fields)


class Store:
    async def get(self, context, task_id):
        return tasks.get(task_id)  # with several callers: None when it is not this one's

    async def answer(self, context, task_id, responses): ...  # no task asks anything

    async def cancel(self, context, task_id):
        change(task_id, status="cancelled")

    def watch(self, context, task_ids):
        return nullcontext(self)

    async def wait(self, seconds):
        await anyio.sleep(0.1)  # better: until something changes, or `seconds` have passed


async def count(task_id):
    for number in (1, 2, 3):
        await anyio.sleep(0.2)
        change(task_id, message=f"{number} of 3")
    change(task_id, status="completed", result={"content": [], "structuredContent": {"n": 3}})


async def main():
    async def call_tool(context, _):
        Tasks.require(context)
        task_id, now = secrets.token_hex(16), datetime.now(UTC)
        tasks[task_id] = Task(task_id, "working", now, now, poll_ms=200)
        group.start_soon(count, task_id)
        return Tasks.created(tasks[task_id])

    extension = Tasks(Store())
    server = Server("counter", on_call_tool=call_tool, on_subscriptions_listen=extension.listen)
    extension.install(server)
    async with stdio_server() as streams, anyio.create_task_group() as group:
        await server.run(*streams, server.create_initialization_options())


anyio.run(main)
