"""Whether programs can be started here, and how well they are held."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from errandry.cli.checks.finding import Finding, Ground
from errandry.execution.spawner import CannotStart, Ended, Job, Lost, Spawner, unix

_LEASE_S: Final = 20


def check(_: Ground) -> Iterator[Finding]:
    """Start a program that does nothing, and look at what the kernel has to hold one."""
    yield _start()
    if unix.LINUX:
        yield Finding(
            "ok", "sub-reaper", "programs that detach themselves are ended with their task"
        )
    else:
        yield _weaker("sub-reaper", "a program that detaches itself may outlive its task")
    if unix.can_fence():
        yield Finding("ok", "landlock", "programs cannot signal or trace others")
    else:
        yield _weaker("landlock", "a program may signal other processes of this account")


def _start() -> Finding:
    step = "Look at the limits of this account (ulimit -u, ulimit -n) and at its memory."
    if (program := shutil.which("true")) is None:
        return Finding("fail", "programs", "there is no program `true` on PATH", "Correct PATH.")
    try:
        ended = asyncio.run(_run(program))
    except (CannotStart, Lost) as error:
        return Finding("fail", "programs", f"{program} does not start: {error}", step)
    if ended.exit_code != 0:
        return Finding("fail", "programs", f"{program} ended with {ended}", step)
    return Finding("ok", "programs", f"{program} was started and ended")


async def _run(program: str) -> Ended:
    with tempfile.TemporaryDirectory(prefix="errandry-doctor-") as folder:
        marks = {"ERRANDRY_TASK_ID": f"doctor-{os.getpid()}", "ERRANDRY_ATTEMPT": "1"}
        job = Job(argv=[program], cwd=Path(folder), marks=marks, lease_s=_LEASE_S)
        async with Spawner(keep=1) as spawner:
            attempt = await spawner.start(job, lambda *_: None)
            return await attempt.wait()


def _weaker(check_: str, says: str) -> Finding:
    return Finding(
        "warn", check_, says, "A Linux kernel from 6.12 rules it out; docs/security.md says more."
    )
