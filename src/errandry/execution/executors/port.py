"""What an executor is given, and what it has to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from errandry.commands.model import Command
from errandry.commands.schema import Schema
from errandry.execution.capture import Capture
from errandry.execution.redact import Redaction
from errandry.tasks.model import AttemptOutcome, Json, Progress, TaskError
from errandry.tasks.questions import Asked
from errandry.tasks.retry import Ending

OTHER: Final = "*"
"""Stands for every key of `run` that has no executor of its own."""


@dataclass(slots=True)
class Usage:
    """What an attempt used and how its program ended, filled in as it becomes known."""

    exit_code: int | None = None
    signal: str | None = None
    max_rss_bytes: int | None = None
    cpu_s: float | None = None


@dataclass(slots=True)
class Context:
    """One attempt, as its executor sees it.

    `folder` is where it may make files, `lease_until` the moment (monotonic) by which all of it must
    be dead unless the lease is renewed, `grace_s` how long its end may take once its scope is
    cancelled. `on_start` is to be called when something has been started. `secrets` are values by
    name, which `redaction` hides; `questions` is what the task was asked so far.
    """

    task_id: str
    attempt: int
    command: Command
    arguments: Mapping[str, Json]
    folder: Path
    lease_until: float
    grace_s: float
    capture: Capture
    on_progress: Callable[[Progress], None]
    on_start: Callable[[], None]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    redaction: Redaction = field(default_factory=Redaction)
    usage: Usage = field(default_factory=Usage)
    questions: Mapping[str, Json] = field(default_factory=dict)

    def end(
        self,
        outcome: AttemptOutcome,
        *,
        result: Json = None,
        error: TaskError | None = None,
        asked: Asked | None = None,
    ) -> Ending:
        """Return how the attempt ended, without secrets, with what is known of its usage."""
        usage = self.usage
        if error is not None:
            error = replace(error, message=self.redaction.text(error.message))
        return Ending(
            outcome,
            self.redaction.document(result),
            error,
            usage.exit_code,
            usage.signal,
            usage.max_rss_bytes,
            usage.cpu_s,
            asked,
        )


class Executor(Protocol):
    """Carries out attempts of one kind of command.

    No retry, no timeout, no store: the runner has those. Cancellation is a cancelled scope; an
    executor ends what it started before it lets the cancellation through.
    """

    async def run(self, context: Context) -> Ending:
        """Carry out one attempt and say how it ended."""
        ...


class Leased(Protocol):
    """An executor whose attempts die with the worker's lease."""

    def feed(self, lease_until: float) -> None:
        """Let every attempt live until that moment (monotonic), and no longer."""
        ...

    def kill(self) -> None:
        """End every attempt at once."""
        ...


def succeeded(context: Context, result: Json) -> Ending:
    """Return the end of an attempt that went well, if its result fits the schema of the command."""
    schema = context.command.result
    result = context.redaction.document(result)  # before anything of it is cut for a message
    if schema is not None and (faults := Schema(schema).faults(result, "/result")):
        said = "; ".join(f"{fault.path}: {fault.message}" for fault in faults[:3])
        return failed(context, "result_invalid", f"The result breaks the command's schema: {said}")
    return context.end("succeeded", result=result)


def failed(context: Context, code: str, message: str, outcome: AttemptOutcome = "failed") -> Ending:
    """Return the end of an attempt that went wrong, with the last of its stderr."""
    context.capture.close()
    error = TaskError(
        code,
        message,
        exit_code=context.usage.exit_code,
        signal=context.usage.signal,
        output=context.capture.tails["stderr"].text() or None,
        attempt=context.attempt,
    )
    return context.end(outcome, error=error)


def lost(context: Context, message: str) -> Ending:
    """Return the end of an attempt of which nobody knows whether it did its work."""
    return failed(context, "attempt_lost", message, "lost")
