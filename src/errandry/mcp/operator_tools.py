"""The operator's toolset: what REST can do beyond the core tools, under the same scopes."""

from typing import Any, Final

from errandry.commands.model import command_document
from errandry.mcp import calls, forms, results
from errandry.mcp.results import ToolResult
from errandry.mcp.tool import ADDS, CHANGES, ENDS, STARTS, STARTS_ONCE, Call, Tool
from errandry.service.forms import CreateTask, RetryTask, UpdateTask
from errandry.tasks import wire
from errandry.tasks.model import State, Task


def _of_task(task: Task, **more: Any) -> ToolResult:
    following = None
    if task.state is State.CREATED:
        following = f'Call execute_task with task="{task.alias}" to start it.'
    return results.of_task(task, wire.concise(task), following, **more)


def _expected(revision: int | None) -> frozenset[int] | None:
    return None if revision is None else frozenset({revision})


async def _create_task(call: Call, form: forms.CreateTask) -> ToolResult:
    wanted = CreateTask(**form.model_dump(exclude={"idempotency_key"}))
    key = form.idempotency_key or calls.key_of(call.context)
    return _of_task((await call.services.intake.create(call.caller, wanted, key)).task)


async def _update_task(call: Call, form: forms.UpdateTask) -> ToolResult:
    wanted = UpdateTask(**form.model_dump(exclude_unset=True, exclude={"task", "revision"}))
    return _of_task(
        await call.services.tasks.update(call.caller, form.task, wanted, _expected(form.revision))
    )


async def _delete_task(call: Call, form: forms.DeleteTask) -> ToolResult:
    await call.services.tasks.delete(call.caller, form.task, _expected(form.revision))
    return results.result({"deleted": form.task}, f"{form.task} is gone, with history and log")


async def _execute_task(call: Call, form: forms.ExecuteTask) -> ToolResult:
    task, started = await call.services.intake.execute(call.caller, form.task)
    message = "Task execution started" if started else "Task already started"
    return _of_task(task, message=message)


async def _retry_task(call: Call, form: forms.RetryTask) -> ToolResult:
    wanted = RetryTask(**form.model_dump(exclude={"task", "idempotency_key"}))
    key = form.idempotency_key or calls.key_of(call.context)
    return _of_task((await call.services.intake.retry(call.caller, form.task, wanted, key)).task)


async def _answer_task(call: Call, form: forms.AnswerTask) -> ToolResult:
    answering = call.services.answers.answer(call.caller, form.task, form.responses)
    return _of_task(await answering)


async def _create_command(call: Call, form: forms.CreateCommand) -> ToolResult:
    command = await call.services.commands.create(call.caller, form.definition, "agent")
    following = f'Call run_command with command="{command.name}" to run it.'
    structured = {
        "message": "Command created successfully",
        "command": command_document(command),
        "next": following,
    }
    return results.result(structured, f"{command.name} is written ({command.digest})\n{following}")


OPERATOR_TOOLS: Final[dict[str, Tool]] = {
    "create_task": Tool(forms.CreateTask, _create_task, "Make a task", STARTS),
    "update_task": Tool(forms.UpdateTask, _update_task, "Change a task", CHANGES),
    "delete_task": Tool(forms.DeleteTask, _delete_task, "Delete a task", ENDS),
    "execute_task": Tool(forms.ExecuteTask, _execute_task, "Start a task", STARTS_ONCE),
    "retry_task": Tool(forms.RetryTask, _retry_task, "Run a task again", STARTS),
    "answer_task": Tool(forms.AnswerTask, _answer_task, "Answer a task", STARTS),
    "create_command": Tool(forms.CreateCommand, _create_command, "Write a command", ADDS),
}
