"""`errandry mcp` where no server runs: it starts one. The program it starts is a stand-in."""

import fcntl
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from errandry.place import ServerFile
from support.pumps import WAIT_S, FakeServer, Pump

STAND_IN = """\
#!{python}
import fcntl, json, os, signal, socket, sys, threading
signal.alarm(120)
data = os.environ["ERRANDRY_DATA_DIR"]
print("started as", *sys.argv[1:], "pid", os.getpid(), "stdin", repr(sys.stdin.read()), flush=True)
if os.environ["STAND_IN"] == "broken":
    sys.exit("no such database")
lock = open(data + "/lock", "a")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("another server has the data folder", flush=True)
    sys.exit(5)
if os.environ["STAND_IN"] == "hanging":
    signal.pause()
listener = socket.socket(socket.AF_UNIX)
listener.bind(data + "/mcp.sock")
listener.listen()
told = dict(url="", socket=data + "/mcp.sock", pid=os.getpid(), version="1", commands_dir=data)
with open(data + "/draft", "w") as file:
    json.dump(told, file)
os.rename(data + "/draft", data + "/server.json")

def greet(connection):
    connection.sendall(b"pid %d\\n" % os.getpid())
    while connection.recv(100):
        pass
    connection.close()

while True:
    threading.Thread(target=greet, args=(listener.accept()[0],)).start()
"""
PROGRAM = """\
import sys
from errandry import pump
from errandry.__main__ import main
sys.executable = {stand_in!r}
pump.START_LIMIT_S = {limit_s}
sys.exit(main())
"""

Start = Callable[..., Pump]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    data, stand_in, pumps = tmp_path / "data", tmp_path / "stand-in", list[Pump]()
    stand_in.write_text(STAND_IN.format(python=sys.executable))
    stand_in.chmod(0o700)

    def start_one(behaviour: str = "good", limit_s: float = WAIT_S, **settings: str) -> Pump:
        program = PROGRAM.format(stand_in=str(stand_in), limit_s=limit_s)
        settings |= {"STAND_IN": behaviour}
        pumps.append(Pump(data, "mcp", python=("-c", program), settings=settings))
        return pumps[-1]

    yield start_one
    for pump in pumps:
        pump.close()
    for pid in started(data):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def log(data: Path) -> str:
    path = data / "server.log"
    return path.read_text() if path.exists() else ""


def started(data: Path) -> list[int]:
    return [int(pid) for pid in re.findall(r"pid (\d+)", log(data))]


def wait_for_log(data: Path, text: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while text not in log(data):
        assert time.monotonic() < deadline, f"{text!r} never came: {log(data)!r}"
        time.sleep(0.02)


def test_it_starts_a_server_of_its_own_session_that_outlives_it(start: Start, data: Path) -> None:
    pump = start()
    pid = int(pump.read_line().removeprefix(b"pid "))
    assert started(data) == [pid]
    assert f"started as -P -m errandry serve --detached pid {pid} stdin ''" in log(data)
    assert pump.end() == (0, b"", "")
    assert os.getsid(pid) == pid
    assert start().read_line() == b"pid %d\n" % pid


def test_folder_and_log_are_for_the_owner_alone(start: Start, data: Path) -> None:
    start().read_line()
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "server.log").stat().st_mode & 0o777 == 0o600


def test_the_file_of_a_dead_server_is_passed_over(start: Start, data: Path) -> None:
    data.mkdir()
    ServerFile("", str(data / "gone.sock"), 1, "1", "/other/commands").write(data)
    status, out, err = start(ERRANDRY_COMMANDS_DIR=str(data)).end()
    assert (status, out, err) == (0, b"pid %d\n" % started(data)[0], "")


def test_started_at_once_all_of_them_reach_one_server(start: Start) -> None:
    pumps = [start() for _ in range(4)]
    answers = {pump.read_line() for pump in pumps}
    assert len(answers) == 1
    assert [pump.end() for pump in pumps] == [(0, b"", "")] * 4


def test_it_uses_the_server_that_was_faster(start: Start, data: Path) -> None:
    data.mkdir()
    with (data / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pump = start()
        wait_for_log(data, "another server has the data folder")
        faster = FakeServer(data, data)
        faster.accept().sendall(b"faster\n")
        assert pump.read_line() == b"faster\n"
        faster.close()


def test_it_starts_another_when_the_one_that_had_the_folder_ends(start: Start, data: Path) -> None:
    data.mkdir()
    with (data / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pump = start()
        wait_for_log(data, "another server has the data folder")
    assert int(pump.read_line().removeprefix(b"pid ")) == started(data)[-1]


def test_a_server_that_cannot_start_is_reported_with_its_last_line(
    start: Start, data: Path
) -> None:
    message = f"the server ended with status 1: no such database (more in {data}/server.log)"
    assert start("broken").end() == (1, b"", f"errandry mcp: {message}\n")


def test_a_server_that_never_answers_is_reported(start: Start, data: Path) -> None:
    status, out, err = start("hanging", limit_s=1).end()
    assert (status, out) == (1, b"")
    assert err.startswith("errandry mcp: no server answered within 1 s: started as ")


def test_a_data_folder_that_cannot_be_made_is_reported(start: Start, data: Path) -> None:
    data.write_text("a file")
    status, out, err = start().end()
    assert (status, out) == (1, b"")
    assert str(data) in err
    assert err.count("\n") == 1
