"""Executors of other packages: which program runs one, and how its attempt ended."""

import sys
import time
from typing import Any, Final

from errandry import jsontext
from errandry.commands.executors import Executors
from errandry.commands.model import OtherSpec
from errandry.execution.executors.port import Context, failed
from errandry.execution.executors.process import MakeJob, ending_of, environment_of, marks_of, note
from errandry.execution.scratch import BadResult, Scratch
from errandry.execution.spawner import CannotStart, Ended, Job
from errandry.plugin import AttemptError, Failed, Lost, NotStartable
from errandry.tasks.retry import Ending

_INHERITED: Final = ("PYTHONPATH",)  # where the packages of the worker are
_FAILED: Final = 1
_MESSAGE_CHARACTERS: Final = 1000
_ERRORS: Final[dict[str, type[AttemptError]]] = {
    error.code: error for error in (Failed, NotStartable, Lost)
}


def hosted_job(executors: Executors) -> MakeJob:
    """Return what makes the program that runs an executor of another package."""

    async def make(context: Context, scratch: Scratch) -> Job:
        spec = context.command.run
        if not isinstance(spec, OtherSpec):
            raise TypeError(f"the command {context.command.name} needs no other package")
        if reason := executors.why_not(spec.executor):
            raise CannotStart("no_program", reason)
        work = {
            "executor": spec.executor,
            "fields": spec.fields,
            "arguments": context.arguments,
            "secrets": sorted(context.secrets),
            "timeout_s": context.command.timeout_s,
        }
        return Job(
            argv=[sys.executable, "-P", "-u", "-m", "errandry.execution.hosting"],
            cwd=scratch.work,
            env={**environment_of(context, scratch, _INHERITED), **context.secrets},
            marks=marks_of(context),
            stdin=jsontext.compact(work).encode(),
            lease_s=context.lease_until - time.monotonic(),
        )

    return make


def hosted_ending(context: Context, ended: Ended, scratch: Scratch) -> Ending:
    """Return how the attempt ended: as the executor said, else as its process did."""
    if ended.exit_code != _FAILED or (said := _said(scratch)) is None:
        return ending_of(context, ended, scratch)
    note(context, ended)
    error, message = said
    shown = context.redaction.text(message)[:_MESSAGE_CHARACTERS]  # a cut could split a secret
    return failed(context, error.code, shown, error.outcome)


def _said(scratch: Scratch) -> tuple[type[AttemptError], str] | None:
    """Return the error that the executor raised, or None when it left none that can be read."""
    try:
        document: Any = scratch.read_result()
        return _ERRORS[document["code"]], str(document["message"])
    except (FileNotFoundError, BadResult, TypeError, KeyError):
        return None
