"""The checks of the server and its tools, against one that the test plays."""

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from errandry import __version__
from errandry.cli.checks import server, tools
from errandry.cli.checks.finding import Ground
from errandry.cli.datalock import DataLock
from errandry.place import ServerFile
from errandry.settings import Settings
from support.fake_rest import FakeRest
from support.findings import levels, look

GOOD = {"server": "ok", "socket": "ok", "token": "ok"}


class Played(FakeRest):
    """A server whose readiness and version the test chooses."""

    ready: tuple[int, Any] = (200, {"status": "ready"})
    socket: Path

    def caller(self, authorization: str) -> tuple[str, int]:
        return super().caller(authorization) if authorization else ("nobody", 0)

    def answer(self, seen: Any) -> tuple[int, Any]:
        return self.ready if seen.path == "/readyz" else super().answer(seen)

    def tell(self, folder: Path, version: str = __version__) -> None:
        commands = str(folder / "commands")
        ServerFile(self.url, str(self.socket), 1, version, commands).write(folder)


@pytest.fixture
def lock(folder: Path) -> Iterator[None]:
    held = DataLock(folder)
    yield
    held.close()


@pytest.fixture
def path() -> Iterator[Path]:
    """Where the socket lies: not below tmp_path, it has to fit into an address of 104 bytes."""
    with tempfile.TemporaryDirectory(prefix="er-", dir="/tmp") as short:
        yield Path(short, "mcp.sock")


@pytest.fixture
def listener(path: Path, lock: None) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen()
        yield listening


@pytest.fixture
def played(folder: Path, path: Path, listener: socket.socket) -> Iterator[Played]:
    fake = Played(folder)
    fake.socket = path
    fake.tell(folder)
    yield fake
    fake.close()


def test_a_server_that_works_is_good(ground: Ground, played: Played) -> None:
    found = look(server.check, ground)
    assert levels(found) == GOOD
    assert found["server"].says == f"{played.url} is ready (process 1)"


def test_without_one_it_says_how_to_start_it(ground: Ground, folder: Path) -> None:
    found = look(server.check, ground)
    assert levels(found) == {"server": "warn"}
    assert "errandry serve" in str(found["server"].next_step)
    ServerFile("http://127.0.0.1:1", "/x", 1, "0", "/y").write(folder)
    assert "one that was killed" in look(server.check, ground)["server"].says


def test_one_that_is_starting_needs_patience(ground: Ground, lock: None) -> None:
    assert "just starting" in look(server.check, ground)["server"].says


def test_one_that_does_not_answer_fails(ground: Ground, folder: Path, lock: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ServerFile(f"http://127.0.0.1:{port}", "/x", 7, "0", "/y").write(folder)
    found = look(server.check, ground)
    assert levels(found) == {"server": "fail"}
    assert "process 7 has the data folder" in found["server"].says


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((503, {"detail": "Not ready: it drains"}), "Not ready: it drains"),
        ((500, "oops"), "it answered 500"),
    ],
)
def test_one_that_is_not_ready_fails(
    ground: Ground, played: Played, answer: tuple[int, Any], says: str
) -> None:
    played.ready = answer
    found = look(server.check, ground)["server"]
    assert (found.level, found.says) == ("fail", f"{played.url} is not ready: {says}")


def test_another_version_is_warned(ground: Ground, played: Played, folder: Path) -> None:
    played.tell(folder, "0.0.1")
    found = look(server.check, ground)["server"]
    assert (found.level, "is errandry 0.0.1, this program is" in found.says) == ("warn", True)


def test_a_socket_that_others_may_use_fails(ground: Ground, played: Played) -> None:
    played.socket.chmod(0o666)
    assert levels(look(server.check, ground)) == {**GOOD, "socket": "fail"}


@pytest.mark.parametrize("leave", ["nothing", "a file"])
def test_a_socket_that_is_gone_fails(ground: Ground, played: Played, leave: str) -> None:
    played.socket.unlink()
    if leave == "a file":
        played.socket.touch()
    assert levels(look(server.check, ground)) == {**GOOD, "socket": "fail"}


def test_a_token_that_is_not_taken_fails(ground: Ground, played: Played, folder: Path) -> None:
    (folder / "local.secret").write_text("another" * 10)
    found = look(server.check, ground)
    assert levels(found) == {**GOOD, "token": "fail"}
    assert "The token is not accepted" in found["token"].says


def test_where_local_tokens_are_off_none_is_tried(played: Played, folder: Path) -> None:
    ground = Ground(Settings(data_dir=folder, local_issuer="off"))
    assert "not tried" in look(server.check, ground)["token"].says
    assert played.requests == []


# -- the list of tools


@contextmanager
def answering(listener: socket.socket, *answers: Any) -> Iterator[None]:
    """Answer one client, after it has sent its three messages."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as stream:
            for _ in range(3):
                stream.readline()
            for document in answers:
                stream.write(json.dumps(document).encode() + b"\n")

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    thread.join()


def listed(*names: str, size: int = 0) -> list[Any]:
    found = [{"name": name, "description": "x" * size} for name in names]
    return [{"id": 1, "result": {}}, {"id": 2, "result": {"tools": found}}]


def test_tools_are_counted_and_weighed(
    ground: Ground, played: Played, listener: socket.socket, folder: Path
) -> None:
    (folder / "commands").mkdir()
    (folder / "commands" / "hello.json").write_text(
        '{"name": "hello", "description": "Hi.", "run": {"process": {"argv": ["true"]}}}'
    )
    with answering(listener, *listed("get_task", "hello", size=360)):
        found = look(tools.check, ground)["tools"]
    assert (found.level, found.says) == ("ok", "2 tools, 1 of them commands, about 198 tokens")


def test_a_list_that_fills_the_context_is_warned(
    ground: Ground, played: Played, listener: socket.socket
) -> None:
    with answering(listener, *listed("a", size=50_000)):
        found = look(tools.check, ground)["tools"]
    assert (found.level, "expose: generic" in str(found.next_step)) == ("warn", True)


@pytest.mark.parametrize("answers", [[], [{"id": 2, "error": {}}], [7]])
def test_a_socket_that_does_not_list_them_fails(
    ground: Ground, played: Played, listener: socket.socket, answers: list[Any]
) -> None:
    with answering(listener, *answers):
        assert look(tools.check, ground)["tools"].level == "fail"


def test_a_socket_that_nobody_listens_on_fails(ground: Ground, played: Played) -> None:
    played.socket.unlink()
    assert look(tools.check, ground)["tools"].level == "fail"


def test_without_a_server_nothing_is_weighed(ground: Ground) -> None:
    assert look(tools.check, ground)["tools"].level == "ok"
