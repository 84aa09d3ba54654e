"""Functions of installed packages: which program calls one."""

import asyncio
import sys
import time
from importlib.metadata import entry_points
from typing import Final

from errandry import jsontext
from errandry.commands.model import PythonSpec
from errandry.execution.callables import GROUP
from errandry.execution.executors.port import Context
from errandry.execution.executors.process import environment_of, marks_of
from errandry.execution.scratch import Scratch
from errandry.execution.spawner import CannotStart, Job
from errandry.tasks import questions

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
