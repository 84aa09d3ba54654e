"""``errandry db upgrade``."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from errandry.cli.datalock import DataLock
from support.commandline import CommandLine
from support.postgres import Postgres


def test_it_makes_the_database_and_the_folder(cli: CommandLine, data_dir: Path) -> None:
    data_dir.rmdir()
    path = data_dir / "errandry.db"
    assert cli("db", "upgrade").out == f"{path} is upgraded\n"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (0,)


def test_a_second_time_it_has_nothing_to_do(cli: CommandLine, data_dir: Path) -> None:
    cli("db", "upgrade")
    assert cli("db", "upgrade") == (0, f"{data_dir / 'errandry.db'} is up to date\n", "")


def test_while_a_server_has_the_folder_it_ends_with_5(cli: CommandLine, data_dir: Path) -> None:
    lock = DataLock(data_dir)
    ran = cli("db", "upgrade")
    lock.close()
    assert (ran.exit, ran.out) == (5, "")
    assert str(data_dir) in ran.err


def test_a_file_that_is_no_database_ends_with_6(cli: CommandLine, data_dir: Path) -> None:
    (data_dir / "errandry.db").write_text("not a database, but long enough to look at" * 50)
    ran = cli("db", "upgrade")
    assert (ran.exit, ran.out) == (6, "")
    assert ran.err.startswith(f"errandry: Cannot upgrade {data_dir / 'errandry.db'}: ")


def test_a_folder_that_cannot_be_made_ends_with_6(cli: CommandLine, data_dir: Path) -> None:
    data_dir.rmdir()
    data_dir.touch()
    ran = cli("db", "upgrade")
    assert (ran.exit, ran.err.startswith("errandry: cannot make the data folder")) == (6, True)


@pytest.fixture
def on_server(postgresql: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an empty database, which the settings name."""
    name = postgresql.new_database()
    monkeypatch.setenv("ERRANDRY_DATABASE_URL", postgresql.url(name))
    return name


def test_on_postgresql_it_needs_neither_the_folder_nor_its_lock(
    cli: CommandLine, data_dir: Path, on_server: str, postgresql: Postgres
) -> None:
    lock = DataLock(data_dir)
    first, second = cli("db", "upgrade"), cli("db", "upgrade")
    lock.close()
    url = postgresql.url(on_server)
    assert (first.out, second.out) == (f"{url} is upgraded\n", f"{url} is up to date\n")
    assert postgresql.execute("SELECT count(*) FROM tasks", on_server) == [(0,)]
    assert not (data_dir / "errandry.db").exists()


@pytest.mark.parametrize(
    ("url", "exit_", "said"),
    [
        ("postgresql://u:hush@127.0.0.1:1/d", 6, "127.0.0.1"),
        ("postgresql://u:hush@h:port/d", 2, "ERRANDRY_DATABASE_URL: it is no database URL"),
        ("postgresql+asyncpg://u:hush@h/d", 2, "write postgresql://"),
    ],
)
def test_an_address_that_cannot_be_used_is_said_without_its_password(
    cli: CommandLine,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    exit_: int,
    said: str,
) -> None:
    monkeypatch.setenv("ERRANDRY_DATABASE_URL", url)
    ran = cli("db", "upgrade")
    assert (ran.exit, said in ran.err, "hush" in ran.err) == (exit_, True, False)
