"""Runs a program: says what to start, starts it through the spawner, reads what it left."""

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from pathlib import Path
from typing import Final

import anyio

from errandry.commands.model import ProcessSpec
from errandry.commands.template import render
from errandry.errors import InvalidArguments
from errandry.execution.executors.port import Context, failed, lost, succeeded
from errandry.execution.progress import ProgressFile
from errandry.execution.scratch import BadResult, Scratch
from errandry.execution.spawner import (
    Attempt,
    CannotStart,
    Ended,
    Job,
    Lost,
    Spawner,
    end_strays,
)
from errandry.tasks.model import Progress
from errandry.tasks.retry import Ending

_log = logging.getLogger(__name__)

_DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_LOOK_S: Final = 0.25
_SWEEP_PAUSE_S: Final = 1.0


async def process_job(context: Context, scratch: Scratch) -> Job:
    """Return the program of `run: process`.

    Raises:
        CannotStart, InvalidArguments: there is none, or arguments have no place in its vector.
    """
    spec = context.command.run
    if not isinstance(spec, ProcessSpec):
        raise TypeError(f"the command {context.command.name} is no program")
    rendered = render(spec, context.arguments)
    environment = {**environment_of(context, scratch, spec.inherit_env), **rendered.env}
    return Job(
        argv=[_find(rendered.argv[0], environment["PATH"]), *rendered.argv[1:]],
        cwd=Path(rendered.cwd) if rendered.cwd is not None else scratch.work,
        env={**environment, **context.secrets},
        marks=marks_of(context),
        stdin=rendered.stdin.encode() if rendered.stdin is not None else None,
        lease_s=context.lease_until - time.monotonic(),
    )


MakeJob = Callable[[Context, Scratch], Awaitable[Job]]
"""What to start for an attempt; raises CannotStart or InvalidArguments when it cannot be."""

MakeEnding = Callable[[Context, Ended, Scratch], Ending]


class ProcessExecutor:
    """The executor of what runs as a program.

    `make_job` says which, `make_ending` what the end of the program means.
    """

    def __init__(
        self,
        spawner: Spawner,
        make_job: MakeJob = process_job,
        make_ending: MakeEnding | None = None,
    ) -> None:
        self._spawner = spawner
        self._make_job = make_job
        self._make_ending = make_ending or ending_of
        self._running: set[Attempt] = set()

    def feed(self, lease_until: float) -> None:
        """Let every running tree live until that moment (monotonic), and no longer."""
        left = lease_until - time.monotonic()
        for attempt in self._running:
            attempt.feed(left, since=self._spawner.now())

    def kill(self) -> None:
        """End every running tree at once."""
        for attempt in self._running:
            attempt.cancel(0)

    async def run(self, context: Context) -> Ending:
        """Run the program to its end; see `Executor.run`."""
        scratch = Scratch(context.folder, context.task_id, context.attempt)
        try:
            async with _followed(ProgressFile(scratch.progress), context.on_progress):
                ended = await self._run_program(context, scratch)
            if isinstance(ended, Ending):
                return ended
            return self._make_ending(context, ended, scratch)
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.to_thread(scratch.remove)

    async def _run_program(self, context: Context, scratch: Scratch) -> Ended | Ending:
        try:
            job = await self._make_job(context, scratch)
            attempt = await self._spawner.start(job, context.capture.feed)
        except (CannotStart, InvalidArguments) as error:
            return failed(context, "not_startable", str(error))
        self._running.add(attempt)
        context.on_start()
        try:
            return await attempt.wait()
        except CannotStart as error:
            return failed(context, "not_startable", str(error))
        except Lost as error:
            await _until_gone(context, error)
            return lost(context, f"The program was lost: {error}")
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                attempt.cancel(context.grace_s)
                try:
                    note(context, await attempt.wait())
                except Lost as error:
                    await _until_gone(context, error)
                except CannotStart:
                    pass  # nothing ran
            raise
        finally:
            self._running.discard(attempt)


@contextlib.asynccontextmanager
async def _followed(
    file: ProgressFile, on_progress: Callable[[Progress], None]
) -> AsyncGenerator[None]:
    """Look for progress while the block runs, and once more at its end."""

    def look() -> None:
        if progress := file.newest():
            on_progress(progress)

    async def keep_looking() -> None:
        while True:
            await anyio.sleep(_LOOK_S)
            look()

    async with anyio.create_task_group() as group:
        group.start_soon(keep_looking)
        yield
        group.cancel_scope.cancel()
    look()


async def _until_gone(context: Context, error: Lost) -> None:
    """Nobody may start the next attempt while something of this one is left."""
    gone = error.gone
    while not gone:
        _log.error("processes of an attempt cannot be ended", extra={"task_id": context.task_id})
        await anyio.sleep(_SWEEP_PAUSE_S)
        gone = await end_strays(marks_of(context))


def marks_of(context: Context) -> dict[str, str]:
    """Return the variables that strays of an attempt are found by."""
    return {"ERRANDRY_TASK_ID": context.task_id, "ERRANDRY_ATTEMPT": str(context.attempt)}


def environment_of(
    context: Context, scratch: Scratch, inherited: Collection[str]
) -> dict[str, str]:
    """Return what a program gets of ours: an allow-list, its folder, and where to report."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in ("LANG", "TZ", *inherited) or name.startswith("LC_")
    }
    return {
        "PATH": os.environ.get("PATH", _DEFAULT_PATH),
        "HOME": str(scratch.work),
        "TMPDIR": str(scratch.work),
        **passed,
        "ERRANDRY_COMMAND": context.command.name,
        "ERRANDRY_PROGRESS": str(scratch.progress),
        "ERRANDRY_RESULT": str(scratch.result),
    }


def _find(program: str, search: str) -> str:
    """Return the absolute path of a program, looked up now and on this machine.

    Raises:
        CannotStart: there is none.
    """
    if Path(program).is_absolute():
        return program
    if "/" in program:
        raise CannotStart(
            "no_program", f"{program}: a program is named by its absolute path or its name"
        )
    found = shutil.which(program, path=search)
    if found is None:
        raise CannotStart("no_program", f"{program}: no such program in PATH ({search})")
    return str(Path(found).absolute())


def note(context: Context, ended: Ended) -> None:
    """Keep what the program used and how it ended."""
    context.usage.exit_code = ended.exit_code
    context.usage.signal = ended.signal
    context.usage.cpu_s = round(ended.cpu_s, 3)
    context.usage.max_rss_bytes = ended.max_rss_bytes


def ending_of(context: Context, ended: Ended, scratch: Scratch) -> Ending:
    """Return how an attempt ended whose program ended so."""
    note(context, ended)
    context.capture.close()
    if ended.why == "lease":
        return lost(context, "The worker could not renew its lease, so the program was killed")
    if ended.signal is not None:
        return failed(context, "signal", f"The program was ended by {ended.signal}")
    if ended.exit_code != 0:
        return failed(context, "exit_code", f"The program ended with exit code {ended.exit_code}")
    try:
        result = scratch.read_result()
    except FileNotFoundError:
        output = context.capture.tails["stdout"]
        result = {"exit_code": 0, "output": output.text(), "output_truncated": output.truncated}
    except BadResult as error:
        return failed(context, "result_invalid", f"The program ended well, but {error}")
    return succeeded(context, result)
