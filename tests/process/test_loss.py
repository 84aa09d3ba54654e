"""Loss of the worker, the lease, the spawner or a keeper: KILL at once, and nothing is left."""

import asyncio
import ctypes
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from errandry.execution.spawner import Lost, Spawner, attempt, helper, is_free, sweep, unix
from process.jobs import (
    LIMIT_S,
    LONELY,
    NASTY,
    Output,
    end_of,
    job,
    new_marks,
    run,
    sh,
    until,
    until_gone,
)
from process.workers import worker

PTRACE_SEIZE = 0x4206
WAIT_FOR_GO = "while [ ! -e go ]; do sleep 0.02; done; exit 7"


def until_free(lock: Path) -> None:
    """Wait until neither spawner nor keeper is left."""
    end = time.monotonic() + LIMIT_S
    while not is_free(lock):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_nothing_is_left_of_a_worker_that_was_killed(tmp_path: Path) -> None:
    marks, lock = new_marks(), tmp_path / "lock"
    with worker(NASTY, marks, lock, count=8) as (process, output, _):
        for _ in range(8):
            assert output.readline() == b"up\n"
        assert len(unix.marked(marks)) >= 24
        assert not is_free(lock)
        process.kill()
        until_gone(marks)
        until_free(lock)


def test_a_program_whose_worker_was_killed_gets_no_term(tmp_path: Path) -> None:
    marks, told = new_marks(), tmp_path / "term"
    script = sh(f"trap 'echo > {told}' TERM; echo up; while :; do sleep 0.02; done")
    with worker(script, marks, tmp_path / "lock") as (process, output, _):
        assert output.readline() == b"up\n"
        process.kill()
        until_gone(marks)
    assert not told.exists()


def test_nothing_is_left_of_a_worker_that_is_stopped_beyond_its_lease(tmp_path: Path) -> None:
    marks = new_marks()
    with worker(NASTY, marks, tmp_path / "lock", count=2, lease_s=2) as (process, output, _):
        for _ in range(2):
            assert output.readline() == b"up\n"
        process.send_signal(signal.SIGSTOP)
        until_gone(marks)
        assert process.poll() is None


def test_recovery_finds_and_ends_what_outlived_worker_spawner_and_keeper(tmp_path: Path) -> None:
    marks, lock = new_marks(), tmp_path / "lock"
    with worker(sh("echo $PPID; exec sleep 1000"), marks, lock) as (process, output, spawner):
        keeper = int(output.readline())
        process.send_signal(signal.SIGSTOP)  # or it would clean up itself
        for pid in (spawner, keeper):
            os.kill(pid, signal.SIGKILL)
        until_free(lock)
        assert len(unix.marked(marks)) == 1, "the program lives and holds no lock"
        assert sweep(marks)
        assert not unix.marked(marks)


@pytest.mark.parametrize("counts_sleep", [False, True])
async def test_a_lease_that_is_not_fed_ends_the_tree_without_term(counts_sleep: bool) -> None:
    marks, output = new_marks(), Output()
    script = sh("trap 'echo term' TERM; echo up; while :; do sleep 0.02; done")
    async with Spawner(counts_sleep=counts_sleep) as spawner:
        fed = await spawner.start(job(script, marks=marks), output)
        await output.shows(b"up")
        fed.feed(0.1, since=spawner.now())
        ended = await end_of(fed)
    assert (ended.signal, ended.why, output.stdout) == ("SIGKILL", "lease", b"up\n")
    assert not unix.marked(marks)


async def test_feeding_extends_the_lease(spawner: Spawner) -> None:
    fed = await spawner.start(job(sh("sleep 1.5; exit 7"), lease_s=1), Output())
    fed.feed(600, since=spawner.now())
    assert (await end_of(fed)).exit_code == 7


async def test_the_lease_counts_from_the_moment_before_the_renewal(spawner: Spawner) -> None:
    fed = await spawner.start(job(["/bin/sleep", "1000"]), Output())
    fed.feed(60, since=spawner.now() - 60)
    assert (await end_of(fed)).why == "lease"


async def test_an_ended_lease_cannot_be_fed_again(spawner: Spawner) -> None:
    fed = await spawner.start(job(["/bin/sleep", "1000"]), Output())
    fed.feed(0, since=spawner.now())
    async with asyncio.timeout(LIMIT_S):
        while not fed.outcome.done():
            fed.feed(600, since=spawner.now())
            await asyncio.sleep(0.001)
    assert (await fed.wait()).why == "lease"


async def test_programs_outlive_their_spawner_and_a_new_one_is_started(tmp_path: Path) -> None:
    lock, script = tmp_path / "lock", job(sh(WAIT_FOR_GO), cwd=tmp_path)
    async with Spawner(lock=lock) as spawner:
        running = [await spawner.start(script, Output()) for _ in range(8)]
        first = spawner.pid or 0
        os.kill(first, signal.SIGKILL)
        marks, output = new_marks(), Output()
        nasty = await spawner.start(job(NASTY, marks=marks), output)
        await output.shows(b"up")
        assert spawner.pid != first
        nasty.cancel(0)
        assert (await end_of(nasty)).why == "cancelled"
        (tmp_path / "go").touch()
        assert [(await end_of(each)).exit_code for each in running] == [7] * 8
        assert not unix.marked(marks)
        assert not is_free(lock)
    await until(lambda: is_free(lock))  # the idle keepers of the first have nobody to wait for them


async def test_many_starts_at_once_share_the_new_spawner(spawner: Spawner) -> None:
    os.kill(spawner.pid or 0, signal.SIGKILL)
    results = await asyncio.gather(*(run(spawner, job(sh("exit 7"))) for _ in range(20)))
    assert [ended.exit_code for ended, _ in results] == [7] * 20


@pytest.mark.parametrize("number", ["KILL", "STOP"])
async def test_a_keeper_attacked_by_its_task_takes_only_that_task_along(
    number: str, spawner: Spawner, tmp_path: Path
) -> None:
    other = await spawner.start(job(sh(WAIT_FOR_GO), cwd=tmp_path), Output())
    marks = new_marks()
    attack = f'"$@"; kill -{number} $PPID; sleep 1000'
    with pytest.raises(Lost, match="keeper ended") as caught:
        await run(spawner, job([*sh(attack), "sh", *NASTY, "exit"], marks=marks))
    assert caught.value.gone
    assert not unix.marked(marks)
    (tmp_path / "go").touch()
    assert (await end_of(other)).exit_code == 7


async def test_the_spawner_ends_what_a_keeper_leaves_without_marks(spawner: Spawner) -> None:
    output = Output()
    hidden = "env -i /bin/sh -c 'echo $$; echo up; exec sleep 1000' &"
    lost = await spawner.start(job(sh(f"echo $PPID; {hidden} wait")), output)
    await output.shows(b"up\n")
    keeper, left, _ = output.stdout.split()
    os.kill(int(keeper), signal.SIGKILL)
    with pytest.raises(Lost):
        await end_of(lost)
    await until(lambda: not psutil.pid_exists(int(left)))


async def test_without_spawner_and_keeper_the_worker_ends_the_tree(spawner: Spawner) -> None:
    marks = new_marks()
    output = Output()
    lost = await spawner.start(job(sh("echo $PPID; echo; exec sleep 1000"), marks=marks), output)
    await output.shows(b"\n\n")
    os.kill(spawner.pid or 0, signal.SIGKILL)
    os.kill(int(output.stdout), signal.SIGKILL)
    with pytest.raises(Lost) as caught:
        await end_of(lost)
    assert caught.value.gone
    assert not unix.marked(marks)


async def test_a_keeper_that_hangs_without_a_spawner_is_given_up(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "GIVE_UP_S", 0.1)
    monkeypatch.setattr(attempt, "SILENCE_S", 0.1)
    marks, output = new_marks(), Output()
    hung = await spawner.start(job(sh("echo $PPID; echo; exec sleep 1000"), marks=marks), output)
    await output.shows(b"\n\n")
    keeper, helper = int(output.stdout), spawner.pid or 0
    os.kill(helper, signal.SIGKILL)
    os.kill(keeper, signal.SIGSTOP)
    try:
        hung.cancel(600)
        hung.cancel(0)
        with pytest.raises(Lost) as caught:
            await end_of(hung)
    finally:
        os.kill(keeper, signal.SIGKILL)
    assert caught.value.gone
    assert not unix.marked(marks)


async def test_a_tree_that_outlives_kill_is_given_up(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "GIVE_UP_S", 0.3)
    output = Output()
    stuck = await spawner.start(job(sh("echo up; exec sleep 1000")), output)
    await output.shows(b"up")
    await until(lambda: stuck.pid)
    traced = stuck.pid or 0
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = map(ctypes.c_long, (PTRACE_SEIZE, traced, 0, 0))
    assert libc.ptrace(*arguments) == 0, os.strerror(ctypes.get_errno())
    stuck.cancel(0)  # its keeper cannot reap what another process traces
    with pytest.raises(Lost, match="did not end after SIGKILL"):
        await end_of(stuck)
    await asyncio.to_thread(os.waitpid, traced, 0)
    assert (await run(spawner, job(["/bin/echo"])))[0].exit_code == 0


@pytest.mark.parametrize("target", ["spawner", "worker"])
async def test_a_task_cannot_reach_spawner_or_worker(target: str, spawner: Spawner) -> None:
    pid = spawner.pid if target == "spawner" else os.getpid()
    look = f"head -c 1 /proc/{pid}/environ > /dev/null || echo hidden"
    _, output = await run(spawner, job(sh(f"kill -STOP {pid} || echo refused; {look}")))
    assert output.stdout.startswith(b"refused\n")
    assert b"hidden" in output.stdout or os.geteuid() == 0  # root may read it all the same


async def test_a_task_that_kills_all_it_can_hits_only_itself(spawner: Spawner) -> None:
    marks, attack = new_marks(), sh("(setsid sleep 1000 &); kill -9 -1; sleep 1000")
    with pytest.raises(Lost):
        await run(spawner, job(attack, marks=marks, user=LONELY))
    assert not unix.marked(marks)
    assert (await run(spawner, job(["/bin/echo"])))[0].exit_code == 0


async def test_leaving_the_spawner_kills_what_still_runs(tmp_path: Path) -> None:
    marks, output = new_marks(), Output()
    async with Spawner(lock=tmp_path / "lock") as spawner:
        left = await spawner.start(job(NASTY, marks=marks), output)
        await output.shows(b"up")
    assert not unix.marked(marks)
    assert is_free(tmp_path / "lock")
    assert (await left.wait()).why == "cancelled"


async def test_a_stopped_spawner_does_not_hold_up_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "LEAVE_S", 0.1)
    async with asyncio.timeout(LIMIT_S), Spawner() as spawner:
        attempt = await spawner.start(job(["/bin/sleep", "1000"]), Output())
        os.kill(spawner.pid or 0, signal.SIGSTOP)
    assert (await attempt.wait()).why == "cancelled"


async def test_a_second_cancel_of_leaving_leaves_nothing_either(tmp_path: Path) -> None:
    marks, output, lock = new_marks(), Output(), tmp_path / "lock"

    async def use() -> None:
        async with Spawner(lock=lock) as spawner:
            await spawner.start(job(NASTY, marks=marks), output)
            await asyncio.Event().wait()

    user = asyncio.create_task(use())
    await output.shows(b"up")
    for _ in range(2):
        user.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await user
    await until(lambda: is_free(lock))
    assert not unix.marked(marks)
