"""What the built-in tools take, and the JSON Schema that agents are shown for it."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from errandry.service import forms as shared
from errandry.service.forms import (
    MAX_WAIT_S,
    Form,
    IdempotencyKey,
    Labels,
    Limit,
    Moment,
    Priority,
    Reason,
    Reference,
    Start,
    Title,
)
from errandry.tasks.logview import LogMode, LogStream
from errandry.tasks.model import StateName

INLINE_MAX_S: Final = 45
TOKEN_BYTES: Final = 4
"""A token counts as so many bytes."""

Until = Literal["all", "any", "failed", "input"]
Cursor = Annotated[str, Field(description="next_cursor of the page before")]


class FindCommands(Form):
    """Find commands by words and tag. detail=schema adds the parameters that run_command needs."""

    query: str | None = None
    tag: str | None = None
    detail: Literal["names", "schema"] = "names"
    limit: Limit = 10
    cursor: Cursor | None = None


class RunCommand(Start):
    """Run a command as a durable task and wait up to wait_s for its result.

    A longer one goes on and you get its alias to wait for. Safe to repeat with the same
    idempotency_key.
    """

    command: str
    arguments: dict[str, Any] = {}
    wait_s: Annotated[float, Field(ge=0, le=INLINE_MAX_S)] = 20
    idempotency_key: IdempotencyKey | None = None
    title: Title | None = None
    labels: Labels = {}
    priority: Priority = 0


class GetTask(Form):
    """Look at one task. detail=detailed adds arguments, attempts and times."""

    task: Reference
    detail: Literal["concise", "detailed"] = "concise"


class WaitForTasks(Form):
    """Wait until all of up to 20 tasks are final, or any, or one has failed or needs input.

    One call instead of many get_task; call again while met is false.
    """

    tasks: Annotated[list[Reference], Field(min_length=1, max_length=20)]
    until: Until = "all"
    timeout_s: Annotated[float, Field(ge=0, le=MAX_WAIT_S)] = 45


class ReadTaskLog(Form):
    """Read a task's log within a token budget.

    Its tail, head, what is new since a cursor, lines that match an RE2 pattern (grep), or the
    surroundings of the first error.
    """

    task: Reference
    mode: LogMode = "tail"
    lines: Annotated[int, Field(ge=1, le=10_000)] = 200
    pattern: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    context: Annotated[int, Field(ge=0, le=100)] = 3
    cursor: Annotated[str, Field(description="cursor of the answer before")] | None = None
    stream: LogStream = "both"
    max_tokens: Annotated[int, Field(ge=16, le=50_000)] = 1500


class ListTasks(Form):
    """List your tasks, newest first."""

    state: list[StateName] = []
    command: str | None = None
    label: Annotated[str, Field(pattern=r"^[^:]+:.*$", description="key:value")] | None = None
    since: Moment | None = None
    limit: Limit = 20
    cursor: Cursor | None = None


class CancelTask(Form):
    """Stop a task and every process of it."""

    task: Reference
    reason: Reason | None = None


Revision = Annotated[int, Field(ge=0, description="Refuse unless the task still has this revision")]


class CreateTask(shared.CreateTask):
    """Make a task without waiting for it; execute=true starts it, else execute_task does."""

    idempotency_key: IdempotencyKey | None = None


class UpdateTask(shared.UpdateTask):
    """Set fields of a task; those left out stay. Arguments and run_at only before it is started."""

    task: Reference
    revision: Revision | None = None


class DeleteTask(Form):
    """Delete a task that has not been started or is final, with its history and log."""

    task: Reference
    revision: Revision | None = None


class ExecuteTask(Form):
    """Start a task that was made without execute. Safe to repeat: it starts only once."""

    task: Reference


class RetryTask(shared.RetryTask):
    """Run a final task again as a new one, with its own version of the command or the current one."""

    task: Reference
    idempotency_key: IdempotencyKey | None = None


class AnswerTask(shared.AnswerTask):
    """Answer what a task asks, by the keys of its input_requests. What is not asked is ignored."""

    task: Reference


class CreateCommand(Form):
    """Write a new command file from its definition: name, description, run and the other fields."""

    definition: dict[str, Any]


def tool_schema(form: type[Form]) -> dict[str, Any]:
    """Return the JSON Schema of a form in as few tokens as it takes.

    No titles, no `null` branches, no defaults that say only that a field may be left out.
    """
    schema: dict[str, Any] = _trim(form.model_json_schema())
    schema.pop("description", None)
    return schema


def _trim(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_trim(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: value for key, value in schema.items() if key != "title" or isinstance(value, dict)
    }
    branches = [each for each in kept.get("anyOf", []) if each != {"type": "null"}]
    if len(branches) == 1:
        kept = {key: value for key, value in kept.items() if key != "anyOf"} | branches[0]
    if kept.get("default", ...) in (None, {}, []):
        del kept["default"]
    if isinstance(properties := kept.get("properties"), dict):
        kept["properties"] = {name: _trim(each) for name, each in properties.items()}
    return {key: value if key == "properties" else _trim(value) for key, value in kept.items()}
