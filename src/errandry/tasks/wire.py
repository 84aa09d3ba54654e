"""The JSON of a task, its status, its history: the same on REST, MCP, the command line and the page."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from errandry import clock
from errandry.jsontext import compact
from errandry.tasks.model import Approval, Attempt, Event, Owner, Task

_RESULT_BYTES: Final = 8 * 1024


def _time(moment: datetime | None) -> str | None:
    return clock.rfc3339(moment) if moment else None


def owner(owner: Owner) -> dict[str, str]:
    """Write an identity."""
    return {"iss": owner.iss, "sub": owner.sub}


def approval(approval: Approval) -> dict[str, Any]:
    """Write a decision that was asked for; the store keeps it in this form, too."""
    return {
        "by": approval.by,
        "digest": approval.digest,
        "requested_at": _time(approval.requested_at),
        "expires_at": _time(approval.expires_at),
        "decision": approval.decision,
        "decided_by": owner(approval.decided_by) if approval.decided_by else None,
        "decided_at": _time(approval.decided_at),
        "reason": approval.reason,
    }


def task(task: Task, attempts: list[Attempt] | None = None) -> dict[str, Any]:
    """Write a whole task, with its attempts if they are given."""
    document = {
        "id": task.id,
        "alias": task.alias,
        "command": task.command,
        "command_digest": task.command_digest,
        "arguments": task.arguments,
        "title": task.title,
        "labels": task.labels,
        "priority": task.priority,
        "idempotency_key": task.idempotency_key,
        "state": task.state,
        "revision": task.revision,
        "cancel_requested": task.cancel_requested,
        "progress": asdict(task.progress) if task.progress else None,
        "queue_position": task.queue_position,
        "waits_for": task.waits_for,
        "waits_for_others": task.waits_for_others,
        "attempt": task.attempt,
        "max_attempts": task.max_attempts,
        "on_crash": task.on_crash,
        "result": task.result,
        "error": asdict(task.error) if task.error else None,
        "input_requests": task.input_requests,
        "approval": approval(task.approval) if task.approval else None,
        "retry_of": task.retry_of,
        "owner": owner(task.owner),
        "created_at": _time(task.created_at),
        "updated_at": _time(task.updated_at),
        "run_at": _time(task.run_at),
        "queued_at": _time(task.queued_at),
        "started_at": _time(task.started_at),
        "finished_at": _time(task.finished_at),
        "expires_at": _time(task.expires_at),
        "expires_in_s": task.expires_in_s,
    }
    if attempts is not None:
        document["attempts"] = [attempt(each) for each in attempts]
    return document


def concise(task: Task, *, with_result: bool = True) -> dict[str, Any]:
    """Write what an agent needs of a task.

    One that asks with its questions, a final one with its result of at most 8 KiB.
    """
    document: dict[str, Any] = {
        "id": task.id,
        "alias": task.alias,
        "command": task.command,
        "state": task.state,
        "progress": asdict(task.progress) if task.progress else None,
        "queue_position": task.queue_position,
        "attempt": task.attempt,
        "error": asdict(task.error) if task.error else None,
        "created_at": _time(task.created_at),
        "finished_at": _time(task.finished_at),
    }
    if task.input_requests:
        document["input_requests"] = task.input_requests
    if with_result and task.state.is_final:
        document["result"] = short_result(task.result)
    return document


def short_result(result: Any) -> Any:
    """Return a result, or of one over 8 KiB of JSON its size and its beginning."""
    text = compact(result)
    size = len(text.encode())
    if size <= _RESULT_BYTES:
        return result
    head = text.encode()[: _RESULT_BYTES // 2].decode("utf-8", "ignore")
    return {"truncated": True, "bytes": size, "head": head}


def attempt(attempt: Attempt) -> dict[str, Any]:
    """Write an attempt."""
    return asdict(attempt) | {
        "started_at": _time(attempt.started_at),
        "finished_at": _time(attempt.finished_at),
    }


def event(event: Event) -> dict[str, Any]:
    """Write an event of the history."""
    return {
        "seq": event.seq,
        "task_id": event.task_id,
        "type": event.type,
        "at": _time(event.at),
        "attempt": event.attempt,
        "actor": owner(event.actor) if event.actor else None,
        "data": event.data,
    }


def status(task: Task, poll_after_ms: int) -> dict[str, Any]:
    """Write the live snapshot of a task, with the time after which another look pays."""
    return {
        "status": task.state,
        "task_id": task.id,
        "alias": task.alias,
        "revision": task.revision,
        "final": task.state.is_final,
        "cancel_requested": task.cancel_requested,
        "progress": asdict(task.progress) if task.progress else None,
        "queue_position": task.queue_position,
        "attempt": task.attempt,
        "last_line": task.last_line,
        "updated_at": _time(task.updated_at),
        "poll_after_ms": poll_after_ms,
    }
