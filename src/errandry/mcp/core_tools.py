"""The seven tools that are always there: find, run, look, wait, read, list, cancel."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from errandry.commands.model import Command, command_document
from errandry.commands.stats import Stats
from errandry.mcp import calls, forms, results
from errandry.mcp.outcomes import RUN_COMMAND
from errandry.mcp.results import ToolResult
from errandry.mcp.tool import ENDS, READS, STARTS, Call, Tool
from errandry.service.forms import CreateTask, ReadLog
from errandry.service.forms import ListTasks as ListForm
from errandry.tasks import cursor, wire
from errandry.tasks.model import State, Task


async def _find_commands(call: Call, form: forms.FindCommands) -> ToolResult:
    call.caller.require("commands:read")
    found = call.services.commands.search(form.query, form.tag)
    start = int(cursor.decode(form.cursor, int)[0]) if form.cursor else 0
    page, end = found[start : start + form.limit], start + form.limit
    stats = await call.services.statistics.of(command.name for command in page)
    structured = {
        "commands": [
            _found(command, stats[command.name], with_schema=form.detail == "schema")
            for command in page
        ],
        "next_cursor": cursor.encode(end) if end < len(found) else None,
    }
    names = ", ".join(command.name for command in page) or "none"
    return results.result(structured, f"{len(found)} commands; here: {names}")


def _found(command: Command, stats: Stats, *, with_schema: bool) -> dict[str, Any]:
    document = command_document(command)
    shown = {
        "name": command.name,
        "description": command.description,
        "approval": document["approval"],
        "p50_s": stats.p50_s,
        "last_outcome": stats.last_outcome,
    }
    return shown | {"parameters": document["parameters"]} if with_schema else shown


async def _run_command(call: Call, form: forms.RunCommand) -> ToolResult:
    fields = form.model_dump(exclude={"wait_s", "idempotency_key"})
    wanted = CreateTask(**fields, execute=True)
    return await calls.run(call, wanted, form.idempotency_key, form.wait_s, RUN_COMMAND)


async def _get_task(call: Call, form: forms.GetTask) -> ToolResult:
    task, attempts = await call.services.tasks.get(call.caller, form.task)
    document = wire.task(task, attempts) if form.detail == "detailed" else wire.concise(task)
    return results.of_task(task, document)


async def _wait_for_tasks(call: Call, form: forms.WaitForTasks) -> ToolResult:
    call.caller.require("tasks:read", "tasks:approve")
    known = await call.services.watching.find(call.caller, form.tasks)
    tasks = await call.services.watching.until(
        call.caller,
        [task.id for task in known],
        lambda seen: _is_met(form.until, seen),
        form.timeout_s,
        calls.Progress(call.context),
    )
    pending = [task.alias for task in tasks if not task.state.is_final]
    structured = {
        "tasks": [wire.concise(task) for task in tasks],
        "pending": pending,
        "met": _is_met(form.until, tasks),
        "next": _after_wait(tasks, pending),
    }
    states = ", ".join(f"{task.alias} {task.state}" for task in tasks)
    return results.result(structured, f"{states}\n{structured['next']}")


def _is_met(until: forms.Until, tasks: Sequence[Task]) -> bool:
    finals = [task.state.is_final for task in tasks]
    match until:
        case "all":
            return all(finals)
        case "any":
            return any(finals)
        case "failed":
            return all(finals) or any(task.state is State.FAILED for task in tasks)
        case "input":
            return all(finals) or any(task.state in calls.WAITS_FOR_A_PERSON for task in tasks)


def _after_wait(tasks: Sequence[Task], pending: list[str]) -> str:
    for task in tasks:
        if task.state in calls.WAITS_FOR_A_PERSON:
            return results.next_step(task)
    if pending:
        names = ", ".join(f'"{alias}"' for alias in pending)
        return f"Call wait_for_tasks with tasks=[{names}] to go on waiting."
    failed = next((task for task in tasks if task.state is not State.SUCCEEDED), None)
    return results.next_step(failed) if failed else "All of them have succeeded."


async def _read_task_log(call: Call, form: forms.ReadTaskLog) -> ToolResult:
    wanted = ReadLog(
        max_bytes=form.max_tokens * forms.TOKEN_BYTES,
        **form.model_dump(exclude={"task", "max_tokens"}),
    )
    page = await call.services.logs.read(call.caller, form.task, wanted)
    return results.result(asdict(page), page.text or "(the log is empty)")


async def _list_tasks(call: Call, form: forms.ListTasks) -> ToolResult:
    fields = form.model_dump(exclude={"label"})
    wanted = ListForm(**fields, label=[form.label] if form.label else [])
    found, next_cursor = await call.services.tasks.page(call.caller, wanted)
    structured = {"tasks": [wire.concise(task) for task in found], "next_cursor": next_cursor}
    lines = [f"{task.alias} {task.state}" for task in found[:5]]
    more = [f"and {len(found) - 5} more"] if len(found) > 5 else []
    return results.result(structured, "\n".join([*lines, *more]) or "no tasks")


async def _cancel_task(call: Call, form: forms.CancelTask) -> ToolResult:
    task = await call.services.tasks.cancel(call.caller, form.task, form.reason)
    return results.of_task(task, wire.concise(task))


CORE_TOOLS: Final[dict[str, Tool]] = {
    "find_commands": Tool(forms.FindCommands, _find_commands, "Find commands", READS),
    RUN_COMMAND: Tool(forms.RunCommand, _run_command, "Run a command", STARTS),
    "get_task": Tool(forms.GetTask, _get_task, "Look at a task", READS),
    "wait_for_tasks": Tool(forms.WaitForTasks, _wait_for_tasks, "Wait for tasks", READS),
    "read_task_log": Tool(forms.ReadTaskLog, _read_task_log, "Read a log", READS),
    "list_tasks": Tool(forms.ListTasks, _list_tasks, "List tasks", READS),
    "cancel_task": Tool(forms.CancelTask, _cancel_task, "Cancel a task", ENDS),
}
