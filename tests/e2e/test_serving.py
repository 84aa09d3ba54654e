"""The place of a server: its folder, its port, its files; and starts that are refused."""

import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from errandry.place import ServerFile
from support.mcp_clients import over_stdio
from support.ports import free_port
from support.postgres import Postgres
from support.rest_client import RestClient, calling
from support.server import Server, result

Refusal = tuple[int, str]


@pytest.fixture(scope="module")
def refusals(
    server: Server, postgresql: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Refusal]:
    """What came of starts that cannot succeed, all made at once since each takes a while."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = {
            "second": {},
            "taken port": _at(folder / "port") | {"port": str(taken.getsockname()[1])},
            "file": _at(folder / "file"),
            "unwritable": _at(_unwritable(folder)),
            "later schema": _at(_with_database(folder / "later", b"", "from-the-future")),
            "no database": _at(_with_database(folder / "broken", b"not a database" * 100, None)),
            "no schema": _at(folder / "none")
            | {"database_url": postgresql.url(postgresql.new_database())},
            "bad values": _at(folder / "bad")
            | {"port": "no-number", "lease_s": "0", "local_issuer": "perhaps"},
        }
        verbs = {name: server.open("serve", **each) for name, each in settings.items()}
        ended = {name: result(verb) for name, verb in verbs.items()}
    return {name: (status, out + err) for name, (status, out, err) in ended.items()}


def _at(folder: Path) -> dict[str, str]:
    return {"data_dir": str(folder), "port": str(free_port())}


def _unwritable(folder: Path) -> Path:
    """A folder where this user can make no file: permissions do not stop root."""
    if os.geteuid() == 0:
        return Path("/proc")
    locked = folder / "locked"
    locked.mkdir(mode=0o500)
    return locked


def _with_database(folder: Path, content: bytes, revision: str | None) -> Path:
    folder.mkdir(mode=0o700)
    file = folder / "errandry.db"
    file.write_bytes(content)
    if revision:
        database = sqlite3.connect(file)
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES (?)", [revision])
        database.commit()
        database.close()
    return folder


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("second", 5, ["A server already runs on the data folder", "process"]),
        ("taken port", 6, ["Port", "is taken by process", "ERRANDRY_PORT"]),
        ("file", 6, ["cannot make the data folder", "/file"]),
        ("unwritable", 6, ["cannot"]),
        ("later schema", 6, ["from-the-future", "of a later release"]),
        ("no database", 6, ["file is not a database"]),
        ("no schema", 6, ["of no release yet", "run `errandry db upgrade` once"]),
        ("bad values", 2, ["ERRANDRY_PORT", "ERRANDRY_LEASE_S", "ERRANDRY_LOCAL_ISSUER"]),
    ],
)
def test_a_start_that_cannot_succeed_says_why_and_ends(
    refusals: dict[str, Refusal], name: str, status: int, words: list[str]
) -> None:
    ended, said = refusals[name]
    assert ended == status, said
    assert all(word in said for word in words), said
    assert "Traceback" not in said
    errors = said[said.index("errandry: ") :].splitlines()
    assert len(errors) == (3 if name == "bad values" else 1), said


def test_a_second_server_is_told_the_address_and_process_of_the_first(
    refusals: dict[str, Refusal], server: Server
) -> None:
    _, said = refusals["second"]
    assert server.url in said
    assert str(server.process.pid) in said
    assert server.readiness() == 200


def test_the_data_folder_is_private_and_says_who_serves_it(server: Server) -> None:
    told = ServerFile.read(server.data)
    assert told is not None
    assert (told.url, told.pid) == (server.url, server.process.pid)
    assert told.commands_dir == str(server.commands)
    assert stat.S_ISSOCK(Path(told.socket).stat().st_mode)
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    private = ["mcp.sock", "server.json", "errandry.db", "local.secret", "server.lock"]
    for name in private:
        mode = stat.S_IMODE((server.data / name).stat().st_mode)
        assert mode == 0o600, f"{name} is {mode:04o}"


def test_nothing_of_the_database_may_be_read_by_others(server: Server) -> None:
    for file in server.data.glob("errandry.db*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name


@pytest.fixture
def writer(server: Server) -> Iterator[RestClient]:
    with calling(server) as client:
        yield client


def test_a_file_that_breaks_leaves_its_last_good_version_callable(
    server: Server, writer: RestClient
) -> None:
    file = server.commands / "fragile.json"
    good = file.read_text()
    file.write_text(good[:-20])
    try:
        listed = writer.http.get("/commands").json()
        assert [fault["file"] for fault in listed["faults"]] == ["fragile.json"]
        assert listed["faults"][0]["line"] == 1
        assert "fragile" in [command["name"] for command in listed["commands"]]
        assert writer.wait(writer.start("fragile")["id"])["result"]["output"] == "first\n"
        with calling(server, scope="commands:read") as reader:
            assert "faults" not in reader.http.get("/commands").json()
    finally:
        file.write_text(good.replace("echo first", "echo second"))
    assert writer.http.get("/commands").json()["faults"] == []
    assert writer.wait(writer.start("fragile")["id"])["result"]["output"] == "second\n"


async def test_a_pump_that_asks_for_other_commands_is_refused(server: Server) -> None:
    other = server.path("commands")
    other.mkdir()
    status, out, err = result(server.open("mcp", commands_dir=str(other)))
    assert (status, out) == (1, "")
    assert str(server.commands) in err
    assert str(other) in err
    shutil.rmtree(other)
    async with over_stdio(server) as client:
        assert (await client.list_tools()).tools
