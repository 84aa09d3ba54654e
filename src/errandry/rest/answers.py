"""Answers: the JSON of one task."""

from typing import Any

from starlette.responses import JSONResponse

from errandry.tasks import wire
from errandry.tasks.model import Attempt, Task


def task_response(
    task: Task, status: int = 200, attempts: list[Attempt] | None = None, **more: Any
) -> JSONResponse:
    """Return `{"task": …}` and what is more, with the revision as its ETag."""
    body = {**more, "task": wire.task(task, attempts)}
    return JSONResponse(body, status, {"ETag": f'"{task.revision}"'})
