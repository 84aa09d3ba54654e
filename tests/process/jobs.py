"""Jobs for the tests of the spawner, and waiting for what comes of them."""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from errandry.execution.spawner import Attempt, Ended, Job, Spawner, Stream, unix

LIMIT_S = 30.0
"""How long anything may take before a test fails."""

LEASE_S = 600.0
LONELY = (20_000 + os.getpid() % 40_000,) * 2
"""A user and group that nothing else runs as, not even another run of these tests."""

SHORT = "ERRANDRY_TEST_SHORT" in os.environ
LONG = "ERRANDRY_TEST_LONG" in os.environ
PROGRAMS = Path(__file__).with_name("programs")
PYTHON = [sys.executable, "-I", "-S"]
NASTY = [*PYTHON, str(PROGRAMS / "nasty.py")]


class Output:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.stdout = self.stderr = b""
        self._news = asyncio.Event()

    def __call__(self, stream: Stream, data: bytes) -> None:
        if stream == "stdout":
            self.stdout += data
        else:
            self.stderr += data
        self._news.set()

    async def shows(self, text: bytes) -> None:
        async with asyncio.timeout(LIMIT_S):
            while text not in self.stdout:
                self._news.clear()
                await self._news.wait()


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def new_marks() -> dict[str, str]:
    return {"ERRANDRY_TASK_ID": f"tsk_{uuid.uuid4().hex}", "ERRANDRY_ATTEMPT": "1"}


def job(
    argv: list[str],
    *,
    marks: Mapping[str, str] | None = None,
    cwd: Path = Path("/"),
    lease_s: float = LEASE_S,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    limits: Mapping[str, int] | None = None,
    user: tuple[int, int] | None = None,
) -> Job:
    """A job with the plainest values for what a test does not care about."""
    return Job(
        argv=argv,
        cwd=cwd,
        marks=new_marks() if marks is None else marks,
        lease_s=lease_s,
        env=env or {},
        stdin=stdin,
        limits={"CORE": 0, "NOFILE": 1024} if limits is None else limits,
        user=user,
    )


async def end_of(attempt: Attempt) -> Ended:
    async with asyncio.timeout(LIMIT_S):
        return await attempt.wait()


async def run(spawner: Spawner, job: Job) -> tuple[Ended, Output]:
    output = Output()
    return await end_of(await spawner.start(job, output)), output


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.005)


def until_gone(marks: Mapping[str, str]) -> None:
    """Wait, outside of an event loop, until nothing carries the marks."""
    end = time.monotonic() + LIMIT_S
    while left := unix.marked(marks):
        assert time.monotonic() < end, f"{len(left)} processes left"
        time.sleep(0.01)
