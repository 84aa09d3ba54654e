"""Tool results: the wire's JSON as `structuredContent`, and the same in a few lines of text.

Dictionaries, not the SDK's models: those drop `null`, and the wire has no missing keys. Every
`structuredContent` has an object at its root, since clients of the handshake era break on others.
"""

from typing import Any, Final

from mcp import types
from pydantic import TypeAdapter, ValidationError

from errandry import problems
from errandry.errors import ErrandryError
from errandry.jsontext import compact
from errandry.tasks import wire
from errandry.tasks.model import State, Task

ToolResult = dict[str, Any]

_TEXT_BYTES: Final = 2_000
_BLOCKS: Final[TypeAdapter[list[types.ContentBlock]]] = TypeAdapter(list[types.ContentBlock])


def result(structured: dict[str, Any], text: str, *, is_error: bool = False) -> ToolResult:
    """Return a result with both forms of its content."""
    return {
        "resultType": "complete",
        "content": [{"type": "text", "text": text}],
        "structuredContent": structured,
        "isError": is_error,
    }


def refused(error: ErrandryError) -> ToolResult:
    """Return a refused call as a tool error, which the model can read and mend."""
    problem = problems.problem(error)
    lines = [error.message, *(f"{fault.path}: {fault.message}" for fault in error.faults[:4])]
    if error.next_step:
        lines.append(error.next_step)
    return result(problem, "\n".join(dict.fromkeys(lines)), is_error=True)


def of_command(task: Task, *, is_declared: bool) -> ToolResult:
    """Return what a command gave, as the result of the tool that is the command.

    Of content blocks there is no second form, unless the tool declares the schema of its results:
    then clients insist on `structuredContent`.
    """
    document = task.result
    structured = document if isinstance(document, dict) else {"result": document}
    if not is_content(document):
        return result(structured, _shorten(compact(document)))
    answer = {"resultType": "complete", "content": document["content"], "isError": False}
    return answer | {"structuredContent": structured} if is_declared else answer


def is_content(document: Any) -> bool:
    """Whether a result is made of MCP content blocks, which go through to the client as they are."""
    if not (isinstance(document, dict) and set(document) == {"content"}):
        return False
    try:
        _BLOCKS.validate_python(document["content"], by_name=False)
    except ValidationError:
        return False
    return True


def of_run(task: Task, log_tail: str) -> ToolResult:
    """Return how a run has gone so far: its result, or the handle to go on with."""
    following = next_step(task)
    structured = {
        "task": wire.concise(task, with_result=False),
        "result": wire.short_result(task.result) if task.state.is_final else None,
        "log_tail": log_tail,
        "next": following,
    }
    lines = [_headline(task)]
    if task.state is State.SUCCEEDED:
        lines.append(_shorten(compact(task.result)))
    return result(structured, "\n".join([*lines, following]))


def of_handle(task: Task) -> ToolResult:
    """Return what to go on with when a command outlives its inline budget."""
    structured = {"task": wire.concise(task), "next": next_step(task)}
    return result(structured, f"{_headline(task)}\n{structured['next']}")


def of_failure(task: Task, log_tail: str) -> ToolResult:
    """Return a failed or cancelled task as a tool error."""
    following = next_step(task)
    structured = {"task": wire.concise(task), "log_tail": log_tail, "next": following}
    lines = [_headline(task)]
    if task.error and task.error.output:
        lines.append(_shorten(task.error.output.strip()))
    return result(structured, "\n".join([*lines, following]), is_error=True)


def of_task(
    task: Task, document: dict[str, Any], following: str | None = None, **more: Any
) -> ToolResult:
    """Return a task as a reader asked for it, with the next step and what is more."""
    structured = {**more, "task": document, "next": following or next_step(task)}
    return result(structured, f"{_headline(task)}\n{structured['next']}")


def next_step(task: Task) -> str:
    """Return one sentence that names the next useful call."""
    match task.state:
        case State.SUCCEEDED:
            return f'Done. Call read_task_log with task="{task.alias}" for its whole log.'
        case State.FAILED | State.CANCELLED:
            return (
                f'Call read_task_log with task="{task.alias}" and mode="around_error" to see why.'
            )
        case State.AWAITING_APPROVAL:
            return (
                "A person has to approve it; tell the user. They run"
                f" `errandry tasks approve {task.id}`. Then call wait_for_tasks."
            )
        case State.CREATED:
            return "It has not been started."
        case State.INPUT_REQUIRED:
            return (
                f"{_questions(task)} Ask the user: they run `errandry tasks answer {task.id}`; or, if"
                f' you have the tool answer_task, call it with task="{task.alias}" and what they say.'
                " Then call wait_for_tasks."
            )
        case State.QUEUED | State.RUNNING:
            return f'Call wait_for_tasks with tasks=["{task.alias}"] to wait for it.'


def _questions(task: Task) -> str:
    """Say what a task asks, by key."""
    asked = (task.input_requests or {}).items()
    said = "; ".join(f"{key}: {request['params']['message']}" for key, request in asked)
    return f"It asks ({_shorten(said)})."


def _headline(task: Task) -> str:
    line = f"{task.alias} ({task.id}) is {task.state}"
    if task.error:
        line += f": {task.error.message}"
    elif task.progress and not task.state.is_final:
        of = f"/{task.progress.total:g}" if task.progress.total is not None else ""
        at = f" {task.progress.current:g}{of}" if task.progress.current is not None else ""
        line += f",{at} {task.progress.message or ''}".rstrip(", ")
    return line


def _shorten(text: str) -> str:
    data = text.encode()
    return text if len(data) <= _TEXT_BYTES else data[:_TEXT_BYTES].decode("utf-8", "ignore") + " …"
