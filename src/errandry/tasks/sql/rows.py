"""Rows to nouns: the only place that knows both."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from errandry import clock
from errandry.tasks.model import Approval, Attempt, Event, Owner, Progress, State, Task, TaskError


def task(row: Row[Any]) -> Task:
    """Read a row of the `task_columns` of `reading`."""
    waits_for = _waits_for(row)
    return Task(
        id=row.id,
        alias=row.alias,
        command=row.command,
        command_digest=row.command_digest,
        arguments=row.arguments,
        title=row.title,
        labels=row.labels,
        priority=row.priority,
        idempotency_key=row.idempotency_key,
        state=State(row.state),
        revision=row.revision,
        cancel_requested=row.cancel_requested,
        progress=Progress(**row.progress) if row.progress else None,
        queue_position=row.queue_position,
        waits_for=waits_for,
        waits_for_others=None if waits_for is None else row.holders - len(waits_for),
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        on_crash=row.on_crash,
        result=row.result,
        error=TaskError(**row.error) if row.error else None,
        input_requests=row.input_requests,
        approval=approval(row.approval) if row.approval else None,
        retry_of=row.retry_of,
        owner=Owner(row.owner_iss, row.owner_sub),
        created_at=row.created_at,
        updated_at=row.updated_at,
        run_at=row.run_at,
        queued_at=row.queued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        expires_in_s=row.expires_in_s,
        last_line=row.last_line,
        keep_s=row.keep_s,
        questions=row.questions or {},
    )


def _waits_for(row: Row[Any]) -> list[str] | None:
    if row.holders is None:
        return None
    return sorted(row.holder_aliases.split(",")) if row.holder_aliases else []


def approval(document: dict[str, Any]) -> Approval:
    """Read the JSON of the approval column."""
    return Approval(
        by=document["by"],
        digest=document["digest"],
        requested_at=clock.parse_rfc3339(document["requested_at"]),
        expires_at=_moment(document["expires_at"]),
        decision=document["decision"],
        decided_by=Owner(**document["decided_by"]) if document["decided_by"] else None,
        decided_at=_moment(document["decided_at"]),
        reason=document["reason"],
    )


def _moment(text: str | None) -> datetime | None:
    return clock.parse_rfc3339(text) if text else None


def attempt(row: Row[Any]) -> Attempt:
    """Read a row of the table `attempts`."""
    return Attempt(
        attempt=row.attempt,
        worker=row.worker,
        started_at=row.started_at,
        finished_at=row.finished_at,
        outcome=row.outcome,
        exit_code=row.exit_code,
        signal=row.signal,
        max_rss_bytes=row.max_rss_bytes,
        cpu_s=row.cpu_s,
    )


def event(row: Row[Any]) -> Event:
    """Read a row of the table `events`."""
    actor = Owner(row.actor_iss, row.actor_sub) if row.actor_iss is not None else None
    return Event(row.seq, row.task_id, row.type, row.at, row.attempt, actor, row.data)
