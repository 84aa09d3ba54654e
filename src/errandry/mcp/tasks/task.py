"""A task as the extension writes it.

Dictionaries, not models: the SDK's models drop `null`, and `ttlMs` must be there when it is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from mcp import types

EXTENSION: Final = "io.modelcontextprotocol/tasks"

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What is known of a task at one moment.

    `updated_at` moves only when something else here does. `ttl_ms` counts from `created_at`, None =
    no end is known yet; `poll_ms` is how long a client should wait before it looks again. `result`
    belongs to `completed` and is what tools/call would have answered, tool errors included; `error`
    belongs to `failed`, which is for errors of JSON-RPC alone; `input_requests` to `input_required`,
    by keys that are never used twice in the life of a task.
    """

    id: str
    status: Status
    created_at: datetime
    updated_at: datetime
    ttl_ms: int | None = None
    poll_ms: int | None = None
    message: str | None = None
    result: Mapping[str, Any] | None = None
    error: types.ErrorData | None = None
    input_requests: Mapping[str, Any] | None = None

    @property
    def is_final(self) -> bool:
        """Whether the task can never change any more."""
        return self.status in ("completed", "failed", "cancelled")

    @property
    def _fault(self) -> types.ErrorData:
        return self.error or types.ErrorData(code=types.INTERNAL_ERROR, message="Internal error")

    def handle(self) -> Document:
        """Write what CreateTaskResult has: the task without what it waits for or has come to."""
        document: Document = {
            "taskId": self.id,
            "status": self.status,
            "createdAt": _time(self.created_at),
            "lastUpdatedAt": _time(self.updated_at),
            "ttlMs": self.ttl_ms,
        }
        if message := self.message or (self._fault.message if self.status == "failed" else None):
            document["statusMessage"] = message
        if self.poll_ms is not None and not self.is_final:
            document["pollIntervalMs"] = self.poll_ms
        return document

    def detailed(self) -> Document:
        """Write the whole task: the answer of tasks/get, and what `notifications/tasks` carries."""
        document = self.handle()
        match self.status:
            case "input_required":
                document["inputRequests"] = dict(self.input_requests or {})
            case "completed":
                # With a resultType of its own: strict clients read it as the result of the call.
                document["result"] = {"resultType": "complete", **(self.result or {})}
            case "failed":
                document["error"] = self._fault.model_dump(mode="json", exclude_none=True)
            case _:
                pass
        return document


def _time(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
