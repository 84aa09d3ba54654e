"""The nouns of a task, without any I/O: what the store returns and the services hand on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from errandry import clock

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of the same."""


class State(StrEnum):
    """Where a task stands; the last three are final."""

    CREATED = "created"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    INPUT_REQUIRED = "input_required"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the task can never leave this state."""
        return self in FINAL


StateName = Literal[
    "created",
    "awaiting_approval",
    "queued",
    "running",
    "input_required",
    "succeeded",
    "failed",
    "cancelled",
]
"""The same names, for the schemas of the facades."""

FINAL: Final = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

OnCrash = Literal["retry", "fail"]
AttemptOutcome = Literal["succeeded", "failed", "timeout", "lost", "cancelled", "asked"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose task it is."""

    iss: str
    sub: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running attempt says it is; any part may be missing."""

    current: float | None = None
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why a task failed. `output` holds the last 8 KiB of stderr, `attempt` the try that failed."""

    code: str
    message: str
    exit_code: int | None = None
    signal: str | None = None
    output: str | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A decision that was asked for, and the answer once it is there."""

    by: str
    digest: str
    requested_at: datetime
    expires_at: datetime | None
    decision: Literal["approved", "rejected"] | None = None
    decided_by: Owner | None = None
    decided_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One durable request to run a command, as its row says at one moment.

    `expires_in_s` is what its creator allowed it to wait, `keep_s` how long its command lets it be
    kept once final (None = the server's retention). `waits_for` are the aliases of the running tasks
    that hold its concurrency key, `waits_for_others` is how many do that its reader may not see.
    `input_requests` are its open questions by key, `questions` what is kept of all (`tasks.questions`).
    """

    id: str
    alias: str
    command: str
    command_digest: str
    arguments: Mapping[str, Json]
    title: str | None
    labels: Mapping[str, str]
    priority: int
    idempotency_key: str | None
    state: State
    revision: int
    cancel_requested: bool
    progress: Progress | None
    queue_position: int | None
    waits_for: Sequence[str] | None
    waits_for_others: int | None
    attempt: int
    max_attempts: int
    on_crash: OnCrash
    result: Json
    error: TaskError | None
    input_requests: Mapping[str, Json] | None
    approval: Approval | None
    retry_of: str | None
    owner: Owner
    created_at: datetime
    updated_at: datetime
    run_at: datetime | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    expires_in_s: float | None
    last_line: str | None
    keep_s: float | None
    questions: Mapping[str, Json]

    def kept_until(self, finished_at: datetime, retention_s: float) -> datetime:
        """When the task may be deleted if it becomes final at `finished_at`."""
        return clock.after(finished_at, retention_s if self.keep_s is None else self.keep_s)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at running a task. `cpu_s` in seconds of all processes together."""

    attempt: int
    worker: str
    started_at: datetime
    finished_at: datetime | None
    outcome: AttemptOutcome | None
    exit_code: int | None
    signal: str | None
    max_rss_bytes: int | None
    cpu_s: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """An append-only fact about a task; `seq` counts 1, 2, 3… per task without gaps."""

    seq: int
    task_id: str
    type: str
    at: datetime
    attempt: int | None
    actor: Owner | None
    data: Mapping[str, Json]
