"""What tools answer of a task: the same whether the call waited for it or tasks/get asks later."""

from typing import Final

from errandry.mcp import results
from errandry.mcp.results import ToolResult
from errandry.service.services import Services
from errandry.tasks.model import State, Task

RUN_COMMAND: Final = "run_command"
"""The tool that answers with more than what its command gave."""

_LOG_TAIL_BYTES: Final = 4 * 1024


async def answer(services: Services, task: Task, tool: str | None) -> ToolResult:
    """Return what the tool that made a task says of it; without one, that of its own command."""
    if task.state in (State.FAILED, State.CANCELLED):
        return results.of_failure(task, await services.logs.tail(task, _LOG_TAIL_BYTES))
    if tool == RUN_COMMAND:
        return results.of_run(task, await services.logs.tail(task, _LOG_TAIL_BYTES))
    if task.state is not State.SUCCEEDED:
        return results.of_handle(task)
    is_declared = (await services.tasks.command(task)).result is not None
    return results.of_command(task, is_declared=is_declared)
