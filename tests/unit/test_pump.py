"""`errandry mcp` as a process, on a server that the test plays."""

import hashlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from support.pumps import WAIT_S, FakeServer, Pump, environment

MAX_RSS_BYTES = 20_000_000
GONE = "errandry mcp: the server has gone; start this again to go on (more in {}/server.log)\n"

Start = Callable[..., Pump]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeServer]:
    fake = FakeServer(tmp_path, tmp_path / "commands")
    yield fake
    fake.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    pumps: list[Pump] = []

    def start_one(*arguments: str, **options: object) -> Pump:
        pumps.append(Pump(tmp_path, *arguments, **options))  # type: ignore[arg-type]
        return pumps[-1]

    yield start_one
    for pump in pumps:
        pump.close()


def test_it_carries_both_ways(server: FakeServer, start: Start) -> None:
    pump = start()
    connection = server.accept()
    pump.send(b'{"id": 1}\n')
    assert connection.recv(100) == b'{"id": 1}\n'
    connection.sendall(b'{"id": 1, "result": {}}\n')
    assert pump.read_line() == b'{"id": 1, "result": {}}\n'


def test_at_the_end_of_stdin_the_last_answers_still_come(server: FakeServer, start: Start) -> None:
    pump = start()
    connection = server.accept()
    pump.send(b"last question\n")
    assert pump.process.stdin is not None
    pump.process.stdin.close()
    assert connection.recv(100) == b"last question\n"
    assert connection.recv(100) == b""
    connection.sendall(b"last answer\n")
    connection.close()
    assert pump.outcome() == (0, b"last answer\n", "")


def test_messages_of_several_megabytes_pass_unharmed(server: FakeServer, start: Start) -> None:
    pump = start()
    connection = server.accept()
    question, answer = (os.urandom(4_000_000) for _ in range(2))
    heard: list[bytes] = []

    def converse() -> None:
        while chunk := connection.recv(1 << 20):
            heard.append(chunk)
        connection.sendall(answer)
        connection.close()

    speaker = threading.Thread(target=converse)
    speaker.start()
    assert pump.end(question) == (0, answer, "")
    speaker.join(WAIT_S)
    assert b"".join(heard) == question


def test_both_directions_flow_at_the_same_time(server: FakeServer, start: Start) -> None:
    pump = start()
    connection = server.accept()

    def echo() -> None:
        while chunk := connection.recv(1 << 16):
            connection.sendall(chunk)
        connection.close()

    speaker = threading.Thread(target=echo)
    speaker.start()
    message = os.urandom(4_000_000)
    assert pump.end(message) == (0, message, "")
    speaker.join(WAIT_S)


def test_a_host_that_does_not_read_makes_the_server_wait(server: FakeServer, start: Start) -> None:
    pump = start(alone=True)
    connection = server.accept()
    block, digest, sent = os.urandom(1 << 16), hashlib.sha256(), 0
    connection.settimeout(1)
    with pytest.raises(TimeoutError):  # noqa: PT012 - it must get stuck after some rounds
        while sent < 64_000_000:
            count = connection.send(block)
            digest.update(block[:count])
            sent += count
    assert sent < 2_000_000
    assert psutil.Process(pump.process.pid).memory_info().rss <= MAX_RSS_BYTES
    connection.close()
    status, out, _ = pump.outcome()
    assert (status, hashlib.sha256(out).digest()) == (1, digest.digest())


def test_a_server_that_does_not_read_makes_the_host_wait(server: FakeServer, start: Start) -> None:
    pump = start(alone=True)
    server.accept()
    assert pump.process.stdin is not None
    descriptor = pump.process.stdin.fileno()
    os.set_blocking(descriptor, False)
    sent = 0
    while sent < 64_000_000 and select.select([], [descriptor], [], 1)[1]:
        sent += os.write(descriptor, bytes(1 << 16))
    assert sent < 2_000_000
    assert psutil.Process(pump.process.pid).memory_info().rss <= MAX_RSS_BYTES


def test_when_the_server_goes_it_ends_with_one_line(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    pump = start()
    server.accept().close()
    assert pump.outcome() == (1, b"", GONE.format(tmp_path))


def test_when_the_server_falls_over_unread_messages_it_says_so(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    pump = start()
    connection = server.accept()
    pump.send(b"unread\n")
    assert pump.process.stdin is not None
    pump.process.stdin.close()
    assert connection.recv(1) == b"u"
    connection.close()
    assert pump.outcome() == (1, b"", GONE.format(tmp_path))


def test_when_the_host_reads_no_more_it_ends_in_silence(server: FakeServer, start: Start) -> None:
    pump = start()
    connection = server.accept()
    assert pump.process.stdout is not None
    assert pump.process.stderr is not None
    pump.process.stdout.close()
    connection.sendall(b"unwanted\n")
    assert pump.process.wait(WAIT_S) == 141
    assert pump.process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_silence(
    server: FakeServer, start: Start, number: signal.Signals
) -> None:
    pump = start()
    server.accept()
    pump.process.send_signal(number)
    assert pump.outcome() == (-number, b"", "")


def test_a_pipe_that_does_not_block_is_used_all_the_same(server: FakeServer, start: Start) -> None:
    mine, its = os.pipe()
    os.set_blocking(mine, False)
    start(stdin=mine)
    os.close(mine)
    connection = server.accept()
    os.write(its, b"late\n")
    assert connection.recv(100) == b"late\n"
    os.close(its)
    assert connection.recv(100) == b""


def test_another_command_folder_is_refused_with_both_names(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    pump = start(settings={"ERRANDRY_COMMANDS_DIR": "/other/commands"})
    status, out, err = pump.end()
    assert (status, out) == (1, b"")
    assert f"{tmp_path}/commands" in err
    assert "/other/commands" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("named", ["", "commands", "link/commands"])
def test_the_same_command_folder_under_any_name_is_accepted(
    server: FakeServer, start: Start, tmp_path: Path, named: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    start(settings={"ERRANDRY_COMMANDS_DIR": named}, cwd=tmp_path)
    server.accept()


def test_it_loads_the_standard_library_alone(server: FakeServer, start: Start) -> None:
    program = (
        "import sys; before = set(sys.modules); from errandry.__main__ import main; main();"
        "sys.stderr.write(' '.join(set(sys.modules) - before))"
    )
    pump = start("mcp", python=("-c", program), alone=True)
    server.accept().close()
    loaded = set(pump.end()[2].splitlines()[-1].split())
    ours = {name for name in loaded if name.partition(".")[0] == "errandry"}
    assert ours == {"errandry", "errandry.__main__", "errandry.place", "errandry.pump"}
    assert {name.partition(".")[0] for name in loaded - ours} <= sys.stdlib_module_names
    assert "subprocess" not in loaded


def test_it_is_small(server: FakeServer, start: Start) -> None:
    pump = start(alone=True)
    connection = server.accept()
    connection.sendall(b"hello\n")
    assert pump.read_line() == b"hello\n"
    assert psutil.Process(pump.process.pid).memory_info().rss <= MAX_RSS_BYTES


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_printed_to_stdout(start: Start, flag: str) -> None:
    status, out, err = start(flag).end()
    assert (status, err) == (0, "")
    assert out.startswith(b"usage: errandry mcp\n")


def test_an_unknown_argument_is_refused_with_its_name(start: Start) -> None:
    message = "errandry mcp: takes no arguments, got '--port'; see --help\n"
    assert start("--port", "1").end() == (2, b"", message)


@pytest.mark.parametrize("verb", ["mcp", "serve"])
def test_on_windows_it_points_to_wsl(tmp_path: Path, verb: str) -> None:
    program = (
        "import sys; from errandry.__main__ import main; sys.platform = 'win32'; sys.exit(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, verb],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
        timeout=WAIT_S,
    )
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"WSL" in ended.stderr
