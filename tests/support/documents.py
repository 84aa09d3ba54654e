"""The JSON documents of the wire, small and whole, for tests."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

AT: Final = "2026-11-24T08:00:00.123Z"
DIGEST: Final = "sha256:" + "ab" * 32
Document = dict[str, Any]

RUNNING: Final[Document] = {"state": "running", "attempt": 1, "started_at": AT}
SUCCEEDED: Final[Document] = {
    "state": "succeeded",
    "finished_at": AT,
    "result": {"exit_code": 0, "output": "done\n", "output_truncated": False},
}
FAILED: Final[Document] = {
    "state": "failed",
    "finished_at": AT,
    "error": {
        "code": "exit_code",
        "message": "The process ended with exit code 3",
        "exit_code": 3,
        "signal": None,
        "output": "cannot open the door\n",
        "attempt": 1,
    },
}


def command(name: str, properties: Document | None = None, **more: Any) -> Document:
    """Return a command document of the wire."""
    return {
        "name": name,
        "title": None,
        "description": f"Does {name}.",
        "parameters": {"type": "object", "properties": properties or {}},
        "run": {"process": {"argv": ["true"]}},
        "approval": "never",
        "tags": [],
        "digest": DIGEST,
        "origin": "file",
        "stats": {
            "runs": 0,
            "success_rate": None,
            "p50_s": None,
            "p95_s": None,
            "last_outcome": None,
        },
        **more,
    }


def task(number: int, name: str, alias: str, **fields: Any) -> Document:
    """Return a task document of the wire, queued unless the fields say otherwise."""
    return {
        "id": f"tsk_{number:032x}",
        "alias": alias,
        "command": name,
        "command_digest": DIGEST,
        "arguments": {},
        **dict.fromkeys(_EMPTY),
        "labels": {},
        "priority": 0,
        "state": "queued",
        "revision": 1,
        "cancel_requested": False,
        "attempt": 0,
        "max_attempts": 1,
        "on_crash": "fail",
        "owner": {"iss": "errandry:local", "sub": "agent"},
        "created_at": AT,
        "updated_at": AT,
        **fields,
    }


def attempts(task: Document) -> list[Document]:
    """Return the attempts that a task says it had."""
    return [
        {**dict.fromkeys(_ATTEMPT), "attempt": number, "worker": "w1", "started_at": AT}
        for number in range(1, task["attempt"] + 1)
    ]


def status(task: Document) -> Document:
    """Return the status of a task."""
    names = ("alias", "revision", "cancel_requested", "progress", "queue_position", "attempt")
    return {
        "status": task["state"],
        "task_id": task["id"],
        "final": task["state"] in ("succeeded", "failed", "cancelled"),
        "last_line": None,
        "updated_at": AT,
        "poll_after_ms": 1000,
        **{name: task[name] for name in names},
    }


def created(task: Document) -> Document:
    """Return the first event of a task."""
    return {
        "seq": 1,
        "task_id": task["id"],
        "type": "created",
        "at": AT,
        "attempt": None,
        "actor": task["owner"],
        "data": {},
    }


def log(lines: Sequence[str], attempt: int, query: Mapping[str, str]) -> Document:
    """Return the page of a log that a query asks for; a cursor is a number of lines."""
    if query.get("mode") in ("since", "grep"):
        shown = lines[int(query.get("cursor", 0)) :]
    else:
        shown = lines[-int(query.get("lines", 100)) :]
    return {
        "text": "".join(f"{line}\n" for line in shown),
        "cursor": str(len(lines)),
        "from_line": len(lines) - len(shown) + 1,
        "to_line": len(lines),
        "total_lines": len(lines),
        "total_bytes": 0,
        "omitted_lines": len(lines) - len(shown),
        "omitted_bytes": 0,
        "folded_lines": 0,
        "lost_bytes": 0,
        "attempt": attempt,
        "final": False,
    }


_EMPTY: Final = (
    "title",
    "idempotency_key",
    "progress",
    "queue_position",
    "result",
    "error",
    "input_requests",
    "approval",
    "retry_of",
    "run_at",
    "queued_at",
    "started_at",
    "finished_at",
    "expires_at",
)
_ATTEMPT: Final = ("finished_at", "outcome", "exit_code", "signal", "max_rss_bytes", "cpu_s")
