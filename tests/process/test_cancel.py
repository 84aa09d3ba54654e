"""An explicit cancel: TERM to the whole tree, grace, KILL until nothing is left."""

import asyncio
import os
import random
import signal
import subprocess

import pytest

from errandry.execution.spawner import Attempt, Spawner, unix
from process.jobs import (
    LEASE_S,
    LIMIT_S,
    LONG,
    NASTY,
    SHORT,
    Output,
    end_of,
    job,
    new_marks,
    run,
    sh,
    until,
)

CANCELS = int(os.environ.get("ERRANDRY_TEST_CANCELS") or (300 if LONG else 12 if SHORT else 60))
AT_ONCE = 6
FOR_EVER = "while :; do sleep 0.02; done"


async def started(spawner: Spawner, script: str) -> tuple[Attempt, Output]:
    output = Output()
    attempt = await spawner.start(job(sh(f"{script}; echo up; {FOR_EVER}")), output)
    await output.shows(b"up")
    return attempt, output


async def test_cancels_at_random_times_leave_nothing_of_a_nasty_program(spawner: Spawner) -> None:
    async def left_of_one() -> int:
        marks = new_marks()
        attempt = await spawner.start(job(NASTY, marks=marks), Output())
        await asyncio.sleep(random.uniform(0, 0.25))  # noqa: S311
        attempt.cancel(random.choice([0, 0.1]))  # noqa: S311
        assert (await end_of(attempt)).why == "cancelled"
        return len(unix.marked(marks))

    for _ in range(CANCELS // AT_ONCE):
        assert await asyncio.gather(*(left_of_one() for _ in range(AT_ONCE))) == [0] * AT_ONCE


@pytest.mark.parametrize("width", [1, 100_000])
async def test_a_cancel_right_after_the_start_is_not_missed(width: int, spawner: Spawner) -> None:
    for _ in range(20):
        argv = [*sh("exec sleep 1000"), *["x" * width] * 3]
        attempt = await spawner.start(job(argv), Output())
        attempt.cancel(0)
        ended = await end_of(attempt)
        assert (ended.signal, ended.why) == ("SIGKILL", "cancelled")


async def test_what_comes_too_late_does_not_hit_the_next_job(spawner: Spawner) -> None:
    for _ in range(20):
        attempt = await spawner.start(job(["/bin/echo"]), Output())
        async with asyncio.timeout(LIMIT_S):
            while not attempt.outcome.done():
                for _ in range(100):  # more than fits between us and the keeper
                    attempt.feed(LEASE_S, since=spawner.now())
                attempt.cancel(60)
                await asyncio.sleep(0)
        assert (await run(spawner, job(sh("sleep 0.01; exit 7"))))[0].exit_code == 7


async def test_a_program_has_the_grace_to_end_itself(spawner: Spawner) -> None:
    attempt, output = await started(spawner, "trap 'sleep 0.2; echo bye; exit 5' TERM")
    attempt.cancel(60)
    ended = await end_of(attempt)
    assert (ended.exit_code, ended.why, output.stdout) == (5, "cancelled", b"up\nbye\n")


async def test_the_grace_is_for_all_of_the_tree(spawner: Spawner) -> None:
    child = f"(trap 'sleep 0.2; echo child; exit' TERM; echo child up; {FOR_EVER}) &"
    output = Output()
    attempt = await spawner.start(job(sh(f"{child} exec sleep 1000")), output)
    await output.shows(b"child up")
    attempt.cancel(60)
    ended = await end_of(attempt)
    assert (ended.signal, ended.why) == ("SIGTERM", "cancelled")
    assert output.stdout == b"child up\nchild\n"


async def test_a_stopped_program_gets_its_term(spawner: Spawner) -> None:
    attempt, output = await started(spawner, "trap 'echo bye; exit 5' TERM")
    await until(lambda: attempt.pid)
    os.kill(attempt.pid or 0, signal.SIGSTOP)

    def state() -> str:
        command = ["ps", "-o", "stat=", "-p", str(attempt.pid)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    await until(lambda: state().startswith("T"))
    attempt.cancel(60)
    assert (await end_of(attempt)).exit_code == 5
    assert output.stdout == b"up\nbye\n"


async def test_who_ignores_term_is_killed_after_the_grace(spawner: Spawner) -> None:
    attempt, output = await started(spawner, "trap 'echo term' TERM")
    attempt.cancel(0.5)
    ended = await end_of(attempt)
    assert (ended.signal, ended.why, output.stdout) == ("SIGKILL", "cancelled", b"up\nterm\n")


async def test_without_grace_there_is_no_term(spawner: Spawner) -> None:
    attempt, output = await started(spawner, "trap 'echo term' TERM")
    attempt.cancel(0)
    assert ((await end_of(attempt)).signal, output.stdout) == ("SIGKILL", b"up\n")


@pytest.mark.parametrize(("first", "second"), [(600, 0), (600, 0.2), (0.2, 600)])
async def test_a_second_cancel_can_only_shorten_the_grace(
    first: float, second: float, spawner: Spawner
) -> None:
    attempt, _ = await started(spawner, "trap '' TERM")
    attempt.cancel(first)
    attempt.cancel(second)
    assert (await end_of(attempt)).signal == "SIGKILL"


async def test_background_children_end_with_the_program(spawner: Spawner) -> None:
    marks = new_marks()
    ended, output = await run(spawner, job([*NASTY, "exit"], marks=marks))
    assert (ended.exit_code, ended.why, output.stdout) == (0, "exited", b"up\n")
    assert not ended.output_cut, "though they held stdout"
    assert not unix.marked(marks)
