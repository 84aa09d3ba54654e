"""Our tasks as those of the extension: the store behind `errandry.mcp.tasks`."""

from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mcp import types
from pydantic import ValidationError

from errandry.errors import TaskNotFound
from errandry.mcp import outcomes
from errandry.mcp.callers import CallerOf, Context
from errandry.mcp.refusals import as_protocol_errors, invalid_params
from errandry.mcp.tasks import Task as WireTask
from errandry.mcp.tasks.task import Status
from errandry.principal import Principal
from errandry.service.forms import Answer, AnswerTask, ReadEvents
from errandry.service.services import Services
from errandry.status.bus import Changes
from errandry.tasks import ids
from errandry.tasks.model import Owner, Progress, State, Task

_MESSAGES: Final = {
    State.CREATED: "not started yet",
    State.AWAITING_APPROVAL: "waiting for a person to approve it",
    State.QUEUED: "queued",
    State.RUNNING: "running",
    State.INPUT_REQUIRED: "waiting for an answer",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class WireTasks:
    """The caller's own tasks, by id; an admin's scope does not open those of others here."""

    services: Services
    caller_of: CallerOf

    async def get(self, context: Context, task_id: str) -> WireTask | None:
        """Return a task as the extension shows it; an alias is no id here."""
        if not ids.is_id(task_id):
            return None
        caller = self.caller_of(context)
        with as_protocol_errors():
            try:
                task, _ = await self.services.tasks.get(caller, task_id)
            except TaskNotFound:
                return None
            return await self.show(caller, task) if task.owner == _owner(caller) else None

    async def answer(self, context: Context, task_id: str, responses: Mapping[str, Any]) -> None:
        """Answer what the task asks; the task goes on when all is answered."""
        known = {key: _known_fields(each) for key, each in responses.items()}
        try:
            form = AnswerTask.model_validate({"responses": known})
        except ValidationError as error:
            raise invalid_params("An answer is an action, and a content if it accepts") from error
        with as_protocol_errors():
            await self.services.answers.answer(self.caller_of(context), task_id, form.responses)

    async def cancel(self, context: Context, task_id: str) -> None:
        """Cancel the task; one that runs ends when its processes are gone."""
        with as_protocol_errors():
            await self.services.tasks.cancel(self.caller_of(context), task_id, None)

    @contextmanager
    def watch(self, context: Context, _: Collection[str]) -> Generator["_Wakeups"]:
        """Watch all tasks of the caller: whose turn it is comes with each wake-up."""
        owner = _owner(self.caller_of(context))
        with self.services.watching.bus.changes(owner) as changes:
            yield _Wakeups(changes)

    async def show(self, caller: Principal, task: Task) -> WireTask:
        """Return a task of the caller as the extension shows it."""
        status = _status(task)
        result = error = None
        if status == "completed":
            result = await outcomes.answer(self.services, task, await self._tool(caller, task))
        if status == "failed":
            error = types.ErrorData(code=types.INTERNAL_ERROR, message=_message(task))
        return WireTask(
            task.id,
            status,
            task.created_at,
            task.updated_at,
            ttl_ms=_ttl_ms(task),
            poll_ms=await self.services.statistics.poll_interval_ms(task),
            message=_message(task),
            result=result,
            error=error,
            input_requests=task.input_requests if status == "input_required" else None,
        )

    async def _tool(self, caller: Principal, task: Task) -> str | None:
        (made, *_), _ = await self.services.tasks.events(caller, task.id, ReadEvents(limit=1))
        tool: str | None = made.data.get("tool")
        return tool


class _Wakeups:
    """The bus, as the extension listens to it."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def wait(self, seconds: float) -> Collection[str] | None:
        """Return what has changed, None = anything may have."""
        return self._changes.take() if await self._changes.wait(seconds) else None


def _known_fields(response: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what MCP lets any result have besides, as `_meta`."""
    return {name: each for name, each in response.items() if name in Answer.model_fields}


def _owner(caller: Principal) -> Owner:
    return Owner(caller.iss, caller.sub)


def _status(task: Task) -> Status:
    """Return the extension's state. Its `failed` means an error of JSON-RPC, ours that of a command."""
    match task.state:
        case State.INPUT_REQUIRED:
            return "input_required"
        case State.CANCELLED:
            return "cancelled"
        case State.FAILED if task.error is not None and task.error.code == "internal":
            return "failed"
        case State.SUCCEEDED | State.FAILED:
            return "completed"
        case _:
            return "working"


def _ttl_ms(task: Task) -> int | None:
    """How long the task is kept from its making, known once it is final."""
    if not task.state.is_final or task.expires_at is None:
        return None
    return round((task.expires_at - task.created_at).total_seconds() * 1000)


def _message(task: Task) -> str:
    """Say how it goes. Only what `updated_at` moves with is said."""
    if task.error is not None:
        return task.error.message
    if task.cancel_requested and not task.state.is_final:
        return "being cancelled"
    if task.state is State.RUNNING and task.progress is not None:
        return _how_far(task.progress)
    return _MESSAGES[task.state]


def _how_far(progress: Progress) -> str:
    parts = []
    if progress.current is not None:
        of = f" of {progress.total:g}" if progress.total is not None else ""
        parts.append(f"{progress.current:g}{of}")
    if progress.message:
        parts.append(progress.message)
    return ": ".join(parts) or _MESSAGES[State.RUNNING]
