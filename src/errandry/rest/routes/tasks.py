"""`/tasks`: make, start, change, end."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.responses import JSONResponse

from errandry.rest.answers import task_response
from errandry.rest.callers import Caller, Key, Revisions, Use
from errandry.rest.schemas import Message, TaskAnswer, TaskList
from errandry.service.forms import (
    AnswerTask,
    CancelTask,
    CreateTask,
    Decide,
    ListTasks,
    RetryTask,
    UpdateTask,
)
from errandry.tasks import wire
from errandry.tasks.sql.accept import Accepted

router = APIRouter(prefix="/tasks", tags=["tasks"])


def _created(accepted: Accepted) -> Response:
    answer = task_response(accepted.task, 201)
    answer.headers["Location"] = f"/tasks/{accepted.task.id}"
    if accepted.replayed:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


@router.get("", name="list_tasks", response_model=TaskList)
async def list_tasks(wanted: Annotated[ListTasks, Query()], caller: Caller, use: Use) -> Response:
    """List the caller's tasks, newest first."""
    found, next_cursor = await use.tasks.page(caller, wanted)
    return JSONResponse({"tasks": [wire.task(each) for each in found], "next_cursor": next_cursor})


@router.post("", name="create_task", status_code=201, response_model=TaskAnswer)
async def create_task(form: CreateTask, key: Key, caller: Caller, use: Use) -> Response:
    """Make a task, and with `execute` start it. Safe to repeat with an `Idempotency-Key`."""
    return _created(await use.intake.create(caller, form, key))


@router.get("/{task_id}", name="get_task", response_model=TaskAnswer)
async def get_task(task_id: str, caller: Caller, use: Use) -> Response:
    """Return a task (by id or alias) with its attempts."""
    found, attempts = await use.tasks.get(caller, task_id)
    return task_response(found, attempts=attempts)


@router.put("/{task_id}", name="update_task", response_model=TaskAnswer)
async def update_task(
    task_id: str, form: UpdateTask, revisions: Revisions, caller: Caller, use: Use
) -> Response:
    """Set fields of a task; those left out stay."""
    return task_response(await use.tasks.update(caller, task_id, form, revisions))


@router.delete("/{task_id}", name="delete_task", status_code=204)
async def delete_task(task_id: str, revisions: Revisions, caller: Caller, use: Use) -> Response:
    """Delete a task that has not started or is final, with its history and log."""
    await use.tasks.delete(caller, task_id, revisions)
    return Response(status_code=204)


@router.post("/{task_id}/execute", name="execute_task", status_code=202, response_model=Message)
async def execute_task(task_id: str, caller: Caller, use: Use) -> Response:
    """Start a task; repeating it starts nothing."""
    found, started = await use.intake.execute(caller, task_id)
    message = "Task execution started" if started else "Task already started"
    return task_response(found, 202, message=message)


@router.post("/{task_id}/cancel", name="cancel_task", status_code=202, response_model=TaskAnswer)
async def cancel_task(
    task_id: str, caller: Caller, use: Use, form: CancelTask | None = None
) -> Response:
    """End a task; a running one is final once its processes are gone."""
    found = await use.tasks.cancel(caller, task_id, form.reason if form else None)
    return task_response(found, 202)


@router.post("/{task_id}/retry", name="retry_task", status_code=201, response_model=TaskAnswer)
async def retry_task(
    task_id: str, key: Key, caller: Caller, use: Use, form: RetryTask | None = None
) -> Response:
    """Run a final task again as a new one."""
    return _created(await use.intake.retry(caller, task_id, form or RetryTask(), key))


@router.post("/{task_id}/input", name="answer_task", status_code=202, response_model=TaskAnswer)
async def answer_task(task_id: str, form: AnswerTask, caller: Caller, use: Use) -> Response:
    """Answer what a task asks; answers to what is not, or no longer, asked are ignored."""
    return task_response(await use.answers.answer(caller, task_id, form.responses), 202)


@router.post("/{task_id}/approve", name="approve_task", status_code=202, response_model=TaskAnswer)
async def approve_task(task_id: str, form: Decide, caller: Caller, use: Use) -> Response:
    """Let a task run that somebody else asked for."""
    found = await use.decisions.decide(caller, task_id, "approved", form.digest, form.reason)
    return task_response(found, 202)


@router.post("/{task_id}/reject", name="reject_task", status_code=202, response_model=TaskAnswer)
async def reject_task(task_id: str, form: Decide, caller: Caller, use: Use) -> Response:
    """Refuse a task that somebody else asked for."""
    found = await use.decisions.decide(caller, task_id, "rejected", form.digest, form.reason)
    return task_response(found, 202)
