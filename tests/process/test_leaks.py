"""Neither many starts nor a cancelled caller leave descriptors, keepers or processes behind."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from errandry.execution.spawner import Attempt, CannotStart, Spawner, unix
from process.jobs import LIMIT_S, NASTY, SHORT, Output, end_of, job, new_marks, run, sh, until

STARTS = 30 if SHORT else 1000
MEMORY = 1_000_000
"""Bytes that all helper processes together may grow by."""


def helpers(spawner: Spawner) -> list[psutil.Process]:
    """The spawner process and its keepers."""
    helper = psutil.Process(spawner.pid)
    return [helper, *helper.children()]


def descriptors(processes: list[psutil.Process]) -> list[int]:
    """How many each has open; those of a hardened helper are for root alone to see."""
    own = [psutil.Process().num_fds()]
    return own + [process.num_fds() for process in processes if os.geteuid() == 0]


async def test_a_thousand_starts_leak_nothing(spawner: Spawner) -> None:
    for _ in range(20):
        await run(spawner, job(["/bin/true"]))
    before = helpers(spawner)
    memory, files = [each.memory_info().rss for each in before], descriptors(before)
    for _ in range(STARTS):
        ended, _ = await run(spawner, job(["/bin/true"]))
        assert ended.exit_code == 0
    after = helpers(spawner)
    assert [each.pid for each in after] == [each.pid for each in before]
    assert descriptors(after) == files
    assert sum(each.memory_info().rss for each in after) - sum(memory) < MEMORY


async def test_refused_jobs_leak_nothing(spawner: Spawner) -> None:
    refused = job(["/nonexistent"]), job(["/bin/true"], limits={"X": 1}), job(["true"])

    async def refuse_all() -> None:
        for each in refused:
            with pytest.raises(CannotStart):
                await run(spawner, each)

    await refuse_all()
    before = descriptors(helpers(spawner))
    for _ in range(10):
        await refuse_all()
    assert descriptors(helpers(spawner)) == before


async def turns_until(condition: Callable[[], object]) -> None:
    """Look at every turn of the event loop."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0)


async def settled(spawner: Spawner) -> list[int]:
    """Descriptors when all keepers have gone; a spawner answers in order, so this job is last."""
    await run(spawner, job(["/bin/true"]))
    await until(lambda: len(helpers(spawner)) == 1)
    return descriptors(helpers(spawner))


async def test_a_caller_cancelled_anywhere_leaks_nothing() -> None:
    """Without idle keepers, and with a job too large for one send, every await is met."""
    wide = job(["/bin/sleep", "1000", *["x" * 100_000] * 10])
    async with Spawner(keep=0) as spawner:
        before = await settled(spawner)
        for turns in range(40):
            started: list[Attempt] = []

            async def use(started: list[Attempt] = started) -> None:
                started.append(await spawner.start(wide, Output()))
                await started[0].wait()

            user = asyncio.create_task(use())
            for _ in range(turns):
                await asyncio.sleep(0)
            user.cancel()
            await asyncio.gather(user, return_exceptions=True)
            for attempt in started:
                attempt.cancel(0)
                assert (await end_of(attempt)).why == "cancelled"
        assert await settled(spawner) == before


async def test_a_caller_cancelled_just_when_its_keeper_comes_leaks_nothing() -> None:
    async with Spawner(keep=0) as spawner:
        before = await settled(spawner)
        wanted = spawner._helper._wanted
        user = asyncio.create_task(run(spawner, job(["/bin/true"])))
        await turns_until(lambda: wanted)
        await turns_until(lambda: not wanted)  # answered, and the caller has not had its turn yet
        user.cancel()
        await asyncio.gather(user, return_exceptions=True)
        assert user.cancelled()
        assert await settled(spawner) == before


async def test_many_callers_cancelled_at_once_leak_nothing() -> None:
    """Nobody waits for what did start; it ends by itself."""
    async with Spawner(keep=0) as spawner:
        before = await settled(spawner)
        for turns in range(20):
            users = [asyncio.create_task(run(spawner, job(["/bin/true"]))) for _ in range(10)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for user in users:
                user.cancel()
            await asyncio.gather(*users, return_exceptions=True)
        assert await settled(spawner) == before


async def test_waiting_can_be_cancelled_and_done_again_by_several(spawner: Spawner) -> None:
    marks, output = new_marks(), Output()
    attempt = await spawner.start(job(NASTY, marks=marks), output)
    for _ in range(5):
        waiting = asyncio.create_task(attempt.wait())
        await output.shows(b"up")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
    attempt.cancel(0)
    first, second = await asyncio.gather(end_of(attempt), end_of(attempt))
    assert first == second == await attempt.wait()
    assert not unix.marked(marks)


async def test_an_idle_keeper_is_not_in_the_folder_of_its_last_job(
    spawner: Spawner, tmp_path: Path
) -> None:
    await run(spawner, job(["/bin/true"], cwd=tmp_path))
    assert [keeper.cwd() for keeper in helpers(spawner)[1:]] == ["/"]


async def test_no_more_idle_keepers_are_held_than_asked_for() -> None:
    async with Spawner(keep=2) as spawner:
        await asyncio.gather(*(run(spawner, job(sh("echo"))) for _ in range(10)))
        await until(lambda: len(helpers(spawner)) == 3)
