"""What a program gives to serve its tasks."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from mcp.server import ServerRequestContext

from errandry.mcp.tasks.task import Task

Context = ServerRequestContext[Any, Any]


class Wakeups(Protocol):
    """Says when tasks are worth another look. It may say so without need."""

    async def wait(self, seconds: float, /) -> Collection[str] | None:
        """Wait for changes, at most so long; return the ids to look at, None = all of them."""
        ...


class TaskStore(Protocol):
    """Tasks, as the caller of a request may see them.

    `context` is that of the request: it has the HTTP request, if there is one. Refusals are raised as
    `MCPError`; any other exception is logged and answered with -32603.
    """

    async def get(self, context: Context, task_id: str, /) -> Task | None:
        """Return a task; None when there is none of that id, or it is somebody else's.

        A task must be found from the moment that its id was given to anybody.
        """
        ...

    async def answer(self, context: Context, task_id: str, responses: Mapping[str, Any], /) -> None:
        """Take answers to some of the questions that the task was just seen to ask, by their keys."""
        ...

    async def cancel(self, context: Context, task_id: str, /) -> None:
        """End a task that was just seen not to be final, or begin to."""
        ...

    def watch(
        self, context: Context, task_ids: Collection[str], /
    ) -> AbstractContextManager[Wakeups]:
        """Watch tasks; nothing that happens after this call may be missed."""
        ...
