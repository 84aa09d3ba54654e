"""Functions of installed packages: which program calls one, and how its attempt ended."""

import asyncio
import sys
import time
from importlib.metadata import entry_points
from typing import Final

from errandry import jsontext
from errandry.commands.model import PythonSpec
from errandry.execution.callables import GROUP
from errandry.execution.executors.asking import asked
from errandry.execution.executors.port import Context, failed
from errandry.execution.executors.process import ending_of, environment_of, marks_of, note
from errandry.execution.scratch import BadResult, Scratch
from errandry.execution.spawner import CannotStart, Ended, Job
from errandry.tasks import questions
from errandry.tasks.retry import Ending

_INHERITED: Final = ("PYTHONPATH",)  # where the packages of the worker are


async def python_job(context: Context, scratch: Scratch) -> Job:
    """Return the program that calls the function of `run: python`.

    Raises:
        CannotStart: no installed package has a function of that name.
    """
    spec = context.command.run
    if not isinstance(spec, PythonSpec):
        raise TypeError(f"the command {context.command.name} is no function")
    if not await asyncio.to_thread(entry_points, group=GROUP, name=spec.call):
        message = f'no installed package has the function "{spec.call}" in {GROUP}'
        raise CannotStart("no_program", message)
    sent = {"arguments": context.arguments, "answers": questions.answers(context.questions)}
    return Job(
        argv=[sys.executable, "-P", "-u", "-m", "errandry.execution.callables", spec.call],
        cwd=scratch.work,
        env={**environment_of(context, scratch, _INHERITED), **context.secrets},
        marks=marks_of(context),
        stdin=jsontext.compact(sent).encode(),
        lease_s=context.lease_until - time.monotonic(),
    )


def python_ending(context: Context, ended: Ended, scratch: Scratch) -> Ending:
    """Return how the attempt ended: with the questions of the function, else as its process did."""
    if ended.exit_code != 0 or not scratch.questions.exists():
        return ending_of(context, ended, scratch)
    note(context, ended)
    context.capture.close()
    try:
        return asked(context, scratch.read_questions())
    except (FileNotFoundError, BadResult):
        return failed(context, "result_invalid", "What the function asks cannot be read")
