"""A command that is called: start the task, wait within the budget with progress, then hand it over."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import anyio
from pydantic import TypeAdapter, ValidationError

from errandry import clock
from errandry.commands.model import Command
from errandry.errors import Fault, InvalidField
from errandry.mcp import outcomes
from errandry.mcp.callers import Context
from errandry.mcp.results import ToolResult
from errandry.mcp.tasks import Tasks
from errandry.mcp.tool import Call
from errandry.service.forms import CreateTask, IdempotencyKey
from errandry.tasks.model import State, Task

WAITS_FOR_A_PERSON: Final = (State.AWAITING_APPROVAL, State.INPUT_REQUIRED)
_KEYS: Final = ("errandry/idempotencyKey", "claudecode/toolUseId")
_KEY: TypeAdapter[str] = TypeAdapter(IdempotencyKey)


def key_of(context: Context) -> str | None:
    """Return the idempotency key that a client put into `_meta`, if it did.

    Raises:
        InvalidField: it is no such key.
    """
    meta: dict[str, Any] = dict(context.meta or {})
    for name in _KEYS:
        if (key := meta.get(name)) is not None:
            try:
                return _KEY.validate_python(key, strict=True)
            except ValidationError as error:
                message = f"_meta[{name!r}] is not 1 to 255 printable ASCII characters"
                raise InvalidField(message, faults=[Fault(f"/_meta/{name}", message)]) from error
    return None


class Progress:
    """Tells a waiting client how far a task is; the number must grow with each message."""

    def __init__(self, context: Context) -> None:
        self._session = context.session
        self._began = time.monotonic()
        self._last = -1.0

    async def __call__(self, tasks: Sequence[Task]) -> None:
        """Report on the first task that says something, else the seconds that have passed."""
        for task in tasks:
            if task.progress is not None and task.progress.current is not None:
                message = task.progress.message or task.last_line
                await self._report(task.progress.current, task.progress.total, message)
                return
        active = next((task for task in tasks if not task.state.is_final), None)
        if active is not None:
            message = active.last_line or f"{active.alias} is {active.state}"
            await self._report(round(time.monotonic() - self._began, 1), None, message)

    async def _report(self, value: float, total: float | None, message: str | None) -> None:
        if value > self._last:
            self._last = value
            await self._session.report_progress(value, total, message)


async def run(
    call: Call, form: CreateTask, key: str | None, wait_s: float, tool: str | None = None
) -> ToolResult:
    """Start a task; answer when it is final or needs a person, or after `wait_s` seconds.

    A client that knows tasks is answered with one, sooner, unless the task is final by then. A client
    that goes away ends its wait, and the task only if the command says so. `tool` is the built-in
    tool that was called, None that of the command.
    """
    call.caller.require("tasks:write")
    command = call.services.commands.find(form.command)
    takes_tasks = command.task != "never" and Tasks.declared(call.context)
    if takes_tasks:
        wait_s = 0 if command.task == "always" else min(wait_s, call.task_after_s)
    task = await _settle(call, command, form, key, wait_s, tool)
    if takes_tasks and not task.state.is_final:
        return Tasks.created(await call.wire_tasks.show(call.caller, task))
    return await outcomes.answer(call.services, task, tool)


async def _settle(
    call: Call,
    command: Command,
    form: CreateTask,
    key: str | None,
    wait_s: float,
    tool: str | None,
) -> Task:
    services, caller, context = call.services, call.caller, call.context
    accepted = await services.intake.create(caller, form, key or key_of(context), tool=tool)
    task = accepted.task
    if _is_settled(task) or (task.run_at is not None and task.run_at > clock.now()):
        return task
    try:
        (task,) = await services.watching.until(
            caller, [task.id], lambda tasks: _is_settled(tasks[0]), wait_s, Progress(context)
        )
    except asyncio.CancelledError:
        if command.on_disconnect == "cancel":
            with anyio.CancelScope(shield=True):
                await services.tasks.cancel(caller, task.id, "the client went away")
        raise
    return task


def _is_settled(task: Task) -> bool:
    return task.state.is_final or task.state in WAITS_FOR_A_PERSON


async def call_command(call: Call, command: Command, arguments: dict[str, Any]) -> ToolResult:
    """Call a command that is a tool of its own; answer with its result."""
    form = CreateTask(command=command.name, arguments=arguments, execute=True)
    return await run(call, form, None, command.wait_s)
