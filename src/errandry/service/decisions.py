"""Use cases of decisions: a person lets a task run, or does not."""

from dataclasses import dataclass
from typing import Final

from errandry.errors import NotPermitted
from errandry.principal import Principal
from errandry.service.news import News
from errandry.service.snapshots import snapshot
from errandry.service.starting import start_of
from errandry.tasks.model import Task
from errandry.tasks.sql import changing, reading
from errandry.tasks.sql.changing import Decision
from errandry.tasks.sql.database import Database

APPROVER: Final = "tasks:approve"
"""The scope that every approval and rejection needs; a rule of the command may ask for another, too."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Approvals and rejections, by somebody else than who asked."""

    database: Database
    news: News
    retention_s: float

    async def decide(
        self,
        caller: Principal,
        reference: str,
        decision: Decision,
        digest: str,
        reason: str | None,
    ) -> Task:
        """Approve or reject a task that somebody else asked for.

        Raises:
            NotPermitted: the caller asked for it, or lacks a scope.
            DigestMismatch, TaskNotEditable: see `changing.decide`.
        """
        caller.require(APPROVER)
        task = await reading.get(self.database, caller, reference)
        if (task.owner.iss, task.owner.sub) == (caller.iss, caller.sub):
            raise NotPermitted(
                "Nobody approves or rejects what they asked for themselves",
                next_step="Ask somebody else who holds tasks:approve; to withdraw it, cancel the task.",
                required_scopes=[APPROVER],
            )
        if task.approval is not None:
            caller.require(task.approval.by)
        command = await snapshot(self.database, task)
        begin = start_of(command, task.run_at, task.expires_in_s, task.questions, approver=None)
        task = await changing.decide(
            self.database, caller, task.id, decision, digest, reason, self.retention_s, begin
        )
        self.news.tell(task)
        return task
