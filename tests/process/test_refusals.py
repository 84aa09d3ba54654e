"""What cannot be started is refused with a reason, and breaks nothing."""

from pathlib import Path

import pytest

from errandry.execution.spawner import CannotStart, Job, Spawner
from process.jobs import job, run

ECHO = "/bin/echo"
REFUSED = [
    ("no_program", job(["/nonexistent/x"])),
    ("no_program", job(["/etc/passwd/x"])),
    ("not_runnable", job(["/etc/passwd"])),
    ("not_runnable", job(["/etc"])),
    ("bad_program", job(["true"])),
    ("bad_program", job([""])),
    ("bad_program", job([])),
    ("bad_text", job([ECHO, "a\0b"])),
    ("bad_text", job([ECHO, "\ud800"])),
    ("bad_text", job([ECHO], env={"A": "\0"})),
    ("bad_text", job([ECHO], env={"": "x"})),
    ("bad_text", job([ECHO], env={"A=B": "x"})),
    ("bad_text", job([ECHO], cwd=Path("/\0"))),
    ("too_long", job([ECHO, *["x" * 100_000] * 40])),
    ("no_workdir", job([ECHO], cwd=Path("/nonexistent"))),
    ("no_workdir", job([ECHO], cwd=Path("/etc/passwd"))),
    ("bad_limits", job([ECHO], limits={"NOSUCH": 1})),
    ("bad_limits", job([ECHO], limits={"CPU": 2**70})),
    ("bad_limits", job([ECHO], limits={"NOFILE": 15})),
    ("bad_user", job([ECHO], user=(2**40, 0))),
]


async def refusal(spawner: Spawner, job: Job) -> CannotStart:
    with pytest.raises(CannotStart) as caught:
        await run(spawner, job)
    ended, _ = await run(spawner, Job(argv=[ECHO], cwd=Path("/"), marks={}, lease_s=60))
    assert ended.exit_code == 0, "the next job runs"
    return caught.value


@pytest.mark.parametrize(("reason", "refused"), REFUSED)
async def test_a_job_that_cannot_start_is_refused_with_a_reason(
    reason: str, refused: Job, spawner: Spawner
) -> None:
    error = await refusal(spawner, refused)
    assert error.reason == reason
    assert len(str(error)) > 10


async def test_an_argument_that_linux_would_refuse_is_named_with_its_size(spawner: Spawner) -> None:
    limit = 128 * 1024 - 1
    ended, output = await run(spawner, job([ECHO, "x" * limit]))
    assert (ended.exit_code, len(output.stdout)) == (0, limit + 1)
    error = await refusal(spawner, job([ECHO, *["x" * (limit + 1)] * 20]))
    assert error.reason == "too_long"


@pytest.mark.parametrize("text", ["#!/nonexistent/python\n", "echo no first line\n"])
async def test_a_script_without_an_interpreter_is_refused(
    text: str, spawner: Spawner, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text(text)
    script.chmod(0o700)
    assert (await refusal(spawner, job([str(script)]))).reason == "no_interpreter"


async def test_another_user_is_refused_without_root(spawner: Spawner) -> None:
    assert (await refusal(spawner, job([ECHO], user=(0, 0)))).reason == "bad_user"


async def test_a_lock_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "missing" / "lock"
    with pytest.raises(CannotStart, match=str(lock)) as caught:
        async with Spawner(lock=lock):
            pass
    assert caught.value.reason == "no_spawner"


async def test_a_spawner_that_was_left_starts_nothing(spawner: Spawner) -> None:
    async with Spawner() as left:
        pass
    with pytest.raises(CannotStart, match="closed") as caught:
        await left.start(job([ECHO]), lambda *_: None)
    assert caught.value.reason == "no_spawner"
