"""The lock of a worker, and the end of what carries marks."""

import os
import subprocess
import sys
from pathlib import Path

from errandry.execution.spawner import Spawner, end_strays, is_free, sweep, unix
from process.jobs import Output, job, new_marks, sh


def marked_process(marks: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["/bin/sleep", "1000"], env=marks)


def test_only_what_carries_all_of_the_marks_ends() -> None:
    marks = new_marks()
    partly = dict(list(marks.items())[:1])
    another = marks | {"ERRANDRY_ATTEMPT": "11"}
    with (
        marked_process({**marks, "A": "1"}) as ours,
        marked_process(partly) as same_task,
        marked_process(another) as same_task_again,
    ):
        assert unix.marked(marks) == [ours.pid]
        assert sweep(marks)
        assert ours.wait() == -9
        assert same_task.poll() is None
        assert same_task_again.poll() is None
        for other in (same_task, same_task_again):
            other.kill()


async def test_sweeping_beside_the_event_loop_does_the_same() -> None:
    marks = new_marks()
    with marked_process(marks) as ours:
        assert await end_strays(marks)
        assert ours.wait() == -9


def test_a_sweep_that_has_no_time_does_not_claim_that_nothing_is_left() -> None:
    assert not sweep(new_marks(), seconds=0)


def test_no_marks_match_nothing() -> None:
    assert unix.marked({}) == []


def test_the_caller_itself_is_no_stray() -> None:
    look = (
        "from errandry.execution.spawner import sweep, unix; import os;"
        "marks = {'MARK': os.environ['MARK']}; print(unix.marked(marks), sweep(marks))"
    )
    source = str(Path(unix.__file__).parents[3])
    environment = {"MARK": "1234567", "PYTHONPATH": source}
    if unix.PORTABLE in os.environ:
        environment[unix.PORTABLE] = "1"
    done = subprocess.run(
        [sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] True\n"


def test_a_lock_that_does_not_exist_is_free(tmp_path: Path) -> None:
    assert is_free(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()


async def test_the_lock_is_held_while_a_spawner_lives(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    async with Spawner(lock=lock):
        assert not is_free(lock)
        async with Spawner(lock=lock):
            assert not is_free(lock)
        assert not is_free(lock)
    assert is_free(lock)
    assert lock.stat().st_mode & 0o777 == 0o600


async def test_programs_do_not_inherit_the_lock(tmp_path: Path) -> None:
    output = Output()
    async with Spawner(lock=tmp_path / "lock") as spawner:
        attempt = await spawner.start(job(sh("exec ls /dev/fd/")), output)
        await attempt.wait()
    assert output.stdout.split() == [b"0", b"1", b"2", b"3"]  # 3: the folder itself
