"""Programs that fork without end."""

import pytest

from errandry.execution.spawner import Spawner, unix
from process.jobs import LONELY, PROGRAMS, PYTHON, Output, end_of, job, new_marks, run, sh, until

BOMB = 'sh -c "while :; do sleep 1000 & done" & exec sleep 1000'
HOPPER = [*PYTHON, str(PROGRAMS / "hopper.py")]


async def test_a_fork_bomb_stays_in_its_limit_and_ends(spawner: Spawner) -> None:
    marks, limits = new_marks(), {"NPROC": 100, "CORE": 0, "NOFILE": 100}
    bomb = await spawner.start(job(sh(BOMB), marks=marks, limits=limits, user=LONELY), Output())
    await until(lambda: len(unix.marked(marks)) > 90)
    assert len(unix.marked(marks)) <= 100
    bomb.cancel(0.2)
    ended = await end_of(bomb)
    assert (ended.why, ended.output_cut) == ("cancelled", False)
    assert not unix.marked(marks)


async def test_a_process_that_forks_away_is_caught(spawner: Spawner) -> None:
    for _ in range(5):
        ended, _ = await run(spawner, job(HOPPER))
        assert (ended.exit_code, ended.why) == (0, "exited")
        assert not ended.output_cut, "nobody is left who could hold a pipe"


async def test_a_process_that_forks_away_in_new_sessions_is_caught(spawner: Spawner) -> None:
    for _ in range(5):
        ended, _ = await run(spawner, job([*HOPPER, "setsid"]))
        assert (ended.exit_code, ended.why) == (0, "exited")
        assert not ended.output_cut, "nobody is left who could hold a pipe"


@pytest.mark.parametrize("grace_s", [0, 0.1])
async def test_a_cancelled_storm_of_forks_ends(grace_s: float, spawner: Spawner) -> None:
    marks, output = new_marks(), Output()
    script = "trap '' TERM; echo up; while :; do (sleep 0.5 & true) & sleep 0.001; done"
    storm = await spawner.start(job(sh(script), marks=marks), output)
    await output.shows(b"up")
    await until(lambda: len(unix.marked(marks)) > 5)
    storm.cancel(grace_s)
    ended = await end_of(storm)
    assert (ended.why, ended.output_cut) == ("cancelled", False)
    assert not unix.marked(marks)
