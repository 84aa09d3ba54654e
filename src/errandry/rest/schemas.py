"""What answers look like, for the OpenAPI document. The answers themselves are made in `tasks.wire`."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from errandry.tasks.logview import LogPage
from errandry.tasks.model import StateName


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow")


class Owner(_Answer):
    """An identity."""

    iss: str
    sub: str


class Progress(_Answer):
    """How far an attempt says it is."""

    current: float | None
    total: float | None
    message: str | None


class TaskError(_Answer):
    """Why a task failed."""

    code: str
    message: str
    exit_code: int | None
    signal: str | None
    output: str | None
    attempt: int | None


class Approval(_Answer):
    """A decision and its answer."""

    by: str
    digest: str
    requested_at: str
    expires_at: str | None
    decision: Literal["approved", "rejected"] | None
    decided_by: Owner | None
    decided_at: str | None
    reason: str | None


class Attempt(_Answer):
    """One try at running a task."""

    attempt: int
    worker: str
    started_at: str
    finished_at: str | None
    outcome: Literal["succeeded", "failed", "timeout", "lost", "cancelled"] | None
    exit_code: int | None
    signal: str | None
    max_rss_bytes: int | None
    cpu_s: float | None


class Task(_Answer):
    """A task; `attempts` only where one task is read."""

    id: str
    alias: str
    command: str
    command_digest: str
    arguments: dict[str, Any]
    title: str | None
    labels: dict[str, str]
    priority: int
    idempotency_key: str | None
    state: StateName
    revision: int
    cancel_requested: bool
    progress: Progress | None
    queue_position: int | None
    waits_for: list[str] | None
    waits_for_others: int | None
    attempt: int
    max_attempts: int
    on_crash: Literal["retry", "fail"]
    result: Any
    error: TaskError | None
    input_requests: dict[str, Any] | None
    approval: Approval | None
    retry_of: str | None
    owner: Owner
    created_at: str
    updated_at: str
    run_at: str | None
    queued_at: str | None
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    expires_in_s: float | None
    attempts: list[Attempt] = []


class TaskAnswer(_Answer):
    """One task."""

    task: Task


class Message(TaskAnswer):
    """One task, and what happened to it in words."""

    message: str


class TaskList(_Answer):
    """A page of tasks."""

    tasks: list[Task]
    next_cursor: str | None


class StatusAnswer(_Answer):
    """The live snapshot of a task."""

    status: StateName
    task_id: str
    alias: str
    revision: int
    final: bool
    cancel_requested: bool
    progress: Progress | None
    queue_position: int | None
    attempt: int
    last_line: str | None
    updated_at: str
    poll_after_ms: int


class Event(_Answer):
    """A fact of a task's history."""

    seq: int
    task_id: str
    type: str
    at: str
    attempt: int | None
    actor: Owner | None
    data: dict[str, Any]


class EventList(_Answer):
    """A page of a history."""

    events: list[Event]
    next_cursor: str | None


LogAnswer = LogPage


class Stats(_Answer):
    """How a command has fared."""

    runs: int
    success_rate: float | None
    p50_s: float | None
    p95_s: float | None
    last_outcome: str | None


class Command(_Answer):
    """A definition with its defaults filled in, and what the server knows about it."""

    name: str
    description: str
    parameters: dict[str, Any]
    run: dict[str, Any]
    digest: str
    origin: Literal["file", "api", "agent"]
    stats: Stats


class CommandAnswer(_Answer):
    """One command."""

    command: Command


class CommandCreated(CommandAnswer):
    """A command that has just been written."""

    message: str


class CommandList(_Answer):
    """Commands by name; `faults` of the files only for who may write them."""

    commands: list[Command]
    faults: list[dict[str, Any]] = []


class ProblemFault(_Answer):
    """One thing that is wrong with an input."""

    path: str
    message: str
    allowed: Any


class Problem(_Answer):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemFault] | None
    next_step: str | None
