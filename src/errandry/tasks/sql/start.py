"""How a task leaves `created`: into the queue, or first to a person who approves or answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from errandry import clock
from errandry.tasks import wire
from errandry.tasks.model import Approval, Json, Owner, State
from errandry.tasks.sql.moves import NewEvent
from errandry.tasks.sql.tables import tasks


@dataclass(frozen=True, slots=True)
class Start:
    """What starting means for one task.

    `approver` is the scope that has to approve it, None when nobody has to; `requests` are the
    questions that have to be answered after that, by key. `person_s` and
    `queue_s` are the seconds after which the task gives up waiting for a person or in the queue
    (counted from `run_at` when that is later); None = never.
    """

    digest: str
    run_at: datetime | None = None
    approver: str | None = None
    person_s: float | None = None
    queue_s: float | None = None
    requests: Mapping[str, Json] = field(default_factory=dict)

    def values(self, now: datetime) -> dict[str, Any]:
        """The columns to set."""
        if self.approver is None and self.requests:
            return waiting(now, self.requests, self.person_s) | {"run_at": self.run_at}
        if self.approver is None:
            return queued(now, self.run_at, self.queue_s) | {"run_at": self.run_at, "delivery": 1}
        expires_at = clock.after(now, self.person_s) if self.person_s is not None else None
        approval = Approval(self.approver, self.digest, now, expires_at)
        return {
            "state": State.AWAITING_APPROVAL,
            "approval": wire.approval(approval),
            "run_at": self.run_at,
            "expires_at": expires_at,
        }

    def facts(self, actor: Owner | None, reason: str = "execute") -> Sequence[NewEvent]:
        """The events to append."""
        if self.approver is None and self.requests:
            return [requested_fact(self.requests, actor)]
        if self.approver is None:
            return [queued_fact(reason, self.run_at, actor)]
        data: dict[str, Json] = {"by": self.approver, "digest": self.digest}
        return [NewEvent("approval_requested", data, actor)]


def queued(now: datetime, run_at: datetime | None, queue_s: float | None) -> dict[str, Any]:
    """The columns of a task that enters the queue (without its delivery number)."""
    since = max(now, run_at) if run_at else now
    return {
        "state": State.QUEUED,
        "queued_at": now,
        "expires_at": clock.after(since, queue_s) if queue_s is not None else None,
    }


def queued_fact(reason: str, run_at: datetime | None, actor: Owner | None = None) -> NewEvent:
    """The event of a task that enters the queue; `reason` is one of those in `docs/rest.md`."""
    when = clock.rfc3339(run_at) if run_at else None
    return NewEvent("queued", {"run_at": when, "reason": reason}, actor)


def again(now: datetime, run_at: datetime | None, queue_s: float | None = None) -> dict[str, Any]:
    """The columns of a row that is queued once more: `queued` with the next delivery number."""
    return queued(now, run_at, queue_s) | {"delivery": tasks.c.delivery + 1, "run_at": run_at}


def waiting(now: datetime, requests: Mapping[str, Json], person_s: float | None) -> dict[str, Any]:
    """The columns of a task that waits for answers."""
    return {
        "state": State.INPUT_REQUIRED,
        "input_requests": dict(requests),
        "expires_at": clock.after(now, person_s) if person_s is not None else None,
    }


def requested_fact(
    requests: Mapping[str, Json], actor: Owner | None = None, attempt: int | None = None
) -> NewEvent:
    """The event of a task that asks."""
    return NewEvent("input_requested", {"keys": [*requests]}, actor, attempt)
