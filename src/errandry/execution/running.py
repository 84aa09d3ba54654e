"""One attempt while it runs: what it has to report, and why it is stopped."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import anyio

from errandry.commands.model import Command
from errandry.execution.capture import Capture
from errandry.execution.executors.port import Context, Executor, failed, lost
from errandry.execution.progress import read_progress
from errandry.execution.redact import Redaction
from errandry.execution.secrets import NoSecret, Secrets
from errandry.tasks.model import Progress
from errandry.tasks.retry import Ending
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.reports import Report

PROGRESS_S: Final = 1.0
_MESSAGE_CHARACTERS: Final = 500
Cause = Literal["cancelled", "stopped"]


class RunningAttempt:
    """Carries out one claim through an executor, with its timeout."""

    def __init__(
        self,
        claim: Claim,
        command: Command,
        folder: Path,
        secrets: Secrets,
        *,
        lease_until: float,
        grace_s: float,
        log_limit_bytes: int,
    ) -> None:
        self.claim = claim
        self.started = False
        self._cause: Cause | None = None
        self._scope = anyio.CancelScope()
        self._progress: Progress | None = None
        self._progress_is_new = False
        self._progress_at = 0.0
        values, self._no_secret = _look_up(secrets, command)
        redaction = Redaction(values.values())
        self._context = Context(
            task_id=claim.task_id,
            attempt=claim.attempt,
            command=command,
            arguments=claim.arguments,
            folder=folder,
            lease_until=lease_until,
            grace_s=grace_s,
            capture=Capture(log_limit_bytes, self._on_progress_line, redaction),
            on_progress=self._on_progress,
            on_start=self._on_start,
            questions=claim.questions,
            secrets=values,
            redaction=redaction,
        )

    async def carry_out(self, executor: Executor) -> Ending | None:
        """Run to the end, the timeout or `stop`; None when it was stopped before it started."""
        if self._no_secret is not None:
            return failed(self._context, "not_startable", self._no_secret)
        timeout_s = self._context.command.timeout_s
        ending: Ending | None = None
        with self._scope, anyio.move_on_after(timeout_s) as limit:
            ending = await executor.run(self._context)
        if ending is None:
            if self._cause is None and limit.cancelled_caught:
                message = f"The attempt took longer than its timeout of {timeout_s:g} s"
                ending = failed(self._context, "timeout", message, "timeout")
            elif self._cause == "cancelled":
                ending = self._context.end("cancelled")
            elif self.started:
                ending = lost(self._context, "The server was stopped while the attempt ran")
        self._context.capture.close()
        return ending

    def stop(self, cause: Cause, grace_s: float | None = None) -> None:
        """End the attempt; the first cause counts. `grace_s` replaces the usual grace."""
        if grace_s is not None:
            self._context.grace_s = grace_s
        if self._cause is None:
            self._cause = cause
            self._scope.cancel()

    def report(self, *, last: bool = False) -> Report | None:
        """Return what is new since the last report, or None; progress at most once a second."""
        capture, now = self._context.capture, time.monotonic()
        progress_is_due = self._progress_is_new and (last or now >= self._progress_at + PROGRESS_S)
        if not (progress_is_due or capture.is_dirty or last):
            return None
        if progress_is_due:
            self._progress_is_new, self._progress_at = False, now
        batch = capture.take()
        return Report(
            self.claim.task_id, self.claim.attempt, self._progress, capture.last_line, batch
        )

    def _on_progress(self, progress: Progress) -> None:
        if message := progress.message:
            shown = self._context.redaction.text(message)[:_MESSAGE_CHARACTERS]
            progress = replace(progress, message=shown)
        if progress != self._progress:
            self._progress, self._progress_is_new = progress, True

    def _on_progress_line(self, text: bytes) -> None:
        if progress := read_progress(text):
            self._on_progress(progress)

    def _on_start(self) -> None:
        self.started = True


def _look_up(secrets: Secrets, command: Command) -> tuple[dict[str, str], str | None]:
    """Return the secrets of a command, or why it cannot have them."""
    try:
        return secrets.values(command.secrets), None
    except NoSecret as error:
        return {}, str(error)
