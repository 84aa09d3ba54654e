"""What a program gets, and what is told about it."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from errandry.execution.spawner import Spawner
from process.jobs import PYTHON, Output, job, new_marks, run, sh, until

NOBODY = (65534, 65534)


async def test_exit_code_and_both_streams_are_reported(spawner: Spawner) -> None:
    ended, output = await run(spawner, job(sh("echo out; echo err >&2; exit 3")))
    assert (ended.exit_code, ended.signal, ended.why) == (3, None, "exited")
    assert not ended.output_cut
    assert (output.stdout, output.stderr) == (b"out\n", b"err\n")


async def test_a_signal_is_reported_by_its_name(spawner: Spawner) -> None:
    ended, _ = await run(spawner, job(sh("kill -SEGV $$")))
    assert (ended.exit_code, ended.signal, ended.why) == (None, "SIGSEGV", "exited")


async def test_usage_counts_the_whole_tree(spawner: Spawner) -> None:
    eat = "x = bytearray(b'x') * 200_000_000\nfor i in range(3_000_000): pass"
    ended, _ = await run(spawner, job([*sh('"$@" & wait'), "sh", *PYTHON, "-c", eat]))
    assert ended.max_rss_bytes > 200_000_000
    assert ended.cpu_s > 0.05


async def test_the_process_id_is_known_while_it_runs(spawner: Spawner) -> None:
    output = Output()
    attempt = await spawner.start(job(sh("echo $$; exec sleep 1000")), output)
    await output.shows(b"\n")
    await until(lambda: attempt.pid)
    assert attempt.pid == int(output.stdout)
    attempt.cancel(0)
    await attempt.wait()


async def test_the_environment_is_that_of_the_job_and_the_marks(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRANDRY_JWT_SECRET", "canary")
    marks = new_marks()
    _, output = await run(spawner, job(["/usr/bin/env"], marks=marks, env={"A": "1", "B": "ä b"}))
    expected = {f"{name}={value}" for name, value in {"A": "1", "B": "ä b", **marks}.items()}
    assert set(output.stdout.decode().splitlines()) == expected


@pytest.fixture
def ignored_signals() -> Iterator[None]:
    """What a shell does for its background jobs, and nohup."""
    numbers = (signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("ignored_signals")
async def test_a_program_starts_clean(tmp_path: Path) -> None:
    look = """if True:
        import os, signal
        print(os.getcwd())
        print(os.getpgid(0) == os.getpid(), os.getsid(0) in (os.getpid(), os.getppid()))
        print(sorted(map(int, os.listdir("/dev/fd"))))
        print([s.name for s in signal.valid_signals() if signal.getsignal(s) is signal.SIG_IGN])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    """
    async with Spawner() as spawner:
        _, output = await run(spawner, job([*PYTHON, "-c", look], cwd=tmp_path))
    assert output.stdout.decode().splitlines() == [
        str(tmp_path),
        "True True",
        "[0, 1, 2, 3]",  # 3: the folder of descriptors itself
        "['SIGPIPE', 'SIGXFSZ']",  # Python ignores these by itself
        "set()",
    ]


@pytest.mark.parametrize("text", [b"", b"hello\n", b"0123456789abcdef" * 300_000])
async def test_stdin_is_given_whole(text: bytes, spawner: Spawner) -> None:
    ended, output = await run(spawner, job(["/bin/cat"], stdin=text))
    assert ended.exit_code == 0
    assert output.stdout == text


async def test_stdin_that_nobody_reads_holds_nothing_up(spawner: Spawner) -> None:
    ended, _ = await run(spawner, job(["/bin/echo"], stdin=b"x" * 5_000_000))
    assert ended.exit_code == 0


async def test_without_stdin_there_is_nothing_to_read(spawner: Spawner) -> None:
    script = sh("cat; [ /dev/stdin -ef /dev/null ] && echo null")
    _, output = await run(spawner, job(script))
    assert output.stdout == b"null\n"
    _, output = await run(spawner, job(["/bin/cat"], stdin=b"once"))
    assert output.stdout == b"once"
    _, output = await run(spawner, job(script))
    assert output.stdout == b"null\n"


async def test_limits_hold_for_the_program(spawner: Spawner) -> None:
    limits = {"CORE": 0, "NOFILE": 77, "AS": 300_000_000, "CPU": 1}
    _, output = await run(spawner, job(sh("ulimit -Hc; ulimit -Hn"), limits=limits))
    assert output.stdout == b"0\n77\n"
    ended, _ = await run(spawner, job([*PYTHON, "-c", "while True: pass"], limits=limits))
    assert ended.signal in ("SIGXCPU", "SIGKILL")
    ended, output = await run(spawner, job([*PYTHON, "-c", "bytearray(10**9)"], limits=limits))
    assert ended.exit_code == 1
    assert b"MemoryError" in output.stderr


async def test_limits_do_not_reach_the_next_job(spawner: Spawner) -> None:
    for limits in ({"NOFILE": 16}, {"NOFILE": 77}, {"CPU": 100}, {"CORE": 0}, {}):
        for _ in range(2):
            _, output = await run(spawner, job(sh("ulimit -Hn"), limits=limits))
            allowed = output.stdout.decode().strip()
            assert (allowed == str(limits.get("NOFILE"))) == ("NOFILE" in limits)


async def test_a_program_gains_no_rights_by_exec(spawner: Spawner) -> None:
    _, output = await run(spawner, job(["/bin/grep", "NoNewPrivs", "/proc/self/status"]))
    assert output.stdout.split() == [b"NoNewPrivs:", b"1"]


async def test_a_job_can_run_as_another_user(spawner: Spawner) -> None:
    script = sh("id -G; cat /dev/stdin; echo open > /dev/stdout")
    _, output = await run(spawner, job(script, stdin=b"text\n", user=NOBODY))
    assert output.stdout == b"65534\ntext\nopen\n"
    _, output = await run(spawner, job(sh("id -u")))
    assert output.stdout == b"0\n"


async def test_another_user_is_all_that_the_program_is(spawner: Spawner) -> None:
    look = [
        "/bin/grep",
        "-E",
        "Uid|Gid|CapEff|CapPrm",
        "/proc/self/status",
    ]  # no shell: it drops ids
    _, output = await run(spawner, job(look, user=NOBODY))
    words = output.stdout.decode().split()
    assert words.count("65534") == 8
    assert words.count("0" * 16) == 2


async def test_a_keeper_is_used_again_but_for_limits_that_it_would_reach(spawner: Spawner) -> None:
    async def keeper(limits: dict[str, int]) -> int:
        _, output = await run(spawner, job(sh("echo $PPID"), limits=limits))
        return int(output.stdout)

    assert await keeper({"NOFILE": 77}) == await keeper({"NOFILE": 77})
    assert await keeper({"CPU": 77}) != await keeper({"CPU": 77})


async def test_two_hundred_jobs_do_not_mix_up_their_output(spawner: Spawner) -> None:
    scripts = [job(sh(f"echo {n}; exit {n}")) for n in range(200)]
    results = await asyncio.gather(*(run(spawner, script) for script in scripts))
    assert [ended.exit_code for ended, _ in results] == list(range(200))
    assert [int(output.stdout) for _, output in results] == list(range(200))
