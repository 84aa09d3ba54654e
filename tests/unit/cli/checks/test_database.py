"""The check of the database file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from errandry.cli.checks import database
from errandry.cli.checks.finding import Ground
from errandry.cli.datalock import DataLock
from errandry.settings import Settings
from errandry.tasks.sql import migrate
from errandry.tasks.sql.location import Location
from support.findings import levels, look
from support.postgres import Postgres


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "errandry.db"
    migrate.upgrade(Location.of_file(path))
    return path


def run(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_whole_file_of_this_release_is_good(ground: Ground, file: Path) -> None:
    assert levels(look(database.check, ground)) == {
        "sqlite": "ok",
        "database": "ok",
        "schema": "ok",
    }


def test_the_lock_is_free_again_afterwards(ground: Ground, file: Path, folder: Path) -> None:
    DataLock(folder).close()
    look(database.check, ground)
    DataLock(folder).close()


def test_where_no_server_has_been_nothing_is_made(ground: Ground, folder: Path) -> None:
    assert levels(look(database.check, ground)) == {"sqlite": "ok", "database": "ok"}
    assert list(folder.iterdir()) == []


def test_a_file_that_a_server_has_open_is_left_alone(
    ground: Ground, file: Path, folder: Path
) -> None:
    file.write_bytes(b"not to be looked at" * 100)
    lock = DataLock(folder)
    found = look(database.check, ground)
    lock.close()
    assert levels(found) == {"sqlite": "ok", "database": "ok"}
    assert "a server has it open" in found["database"].says


def test_a_file_that_is_no_database_fails(ground: Ground, file: Path) -> None:
    file.write_bytes(b"not a database" * 1000)
    found = look(database.check, ground)
    assert levels(found) == {"sqlite": "ok", "database": "fail"}
    assert "file is not a database" in found["database"].says


def test_a_damaged_page_fails(ground: Ground, file: Path) -> None:
    run(file, "PRAGMA wal_checkpoint(TRUNCATE)")
    size = file.stat().st_size
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (size - 4096))
    found = look(database.check, ground)["database"]
    assert (found.level, "is damaged" in found.says) == ("fail", True)


@pytest.mark.parametrize(
    ("statement", "level", "says"),
    [
        (
            "UPDATE alembic_version SET version_num = 'later'",
            "fail",
            "revision later is of a later",
        ),
        ("DROP TABLE alembic_version", "warn", "revision none, this release has"),
    ],
)
def test_the_schema_is_judged(
    ground: Ground, file: Path, statement: str, level: str, says: str
) -> None:
    run(file, statement)
    found = look(database.check, ground)["schema"]
    assert (found.level, found.says.startswith(says)) == (level, True)


def test_the_library_is_named_with_its_bug_if_it_has_it() -> None:
    assert database._library((3, 51, 3)).says == "SQLite 3.51.3"
    assert "needs several writers" in database._library((3, 40, 1)).says


def test_postgresql_has_to_answer_and_to_have_the_schema(
    folder: Path, postgresql: Postgres, empty_database: str
) -> None:
    def of(url: str) -> dict[str, str]:
        settings = Settings(data_dir=folder, commands_dir=folder, database_url=SecretStr(url))
        return levels(look(database.check, Ground(settings)))

    assert of(postgresql.url(empty_database)) == {"database": "ok", "schema": "ok"}
    assert of(postgresql.url(postgresql.new_database())) == {"database": "ok", "schema": "fail"}
    assert of(postgresql.url("nowhere")) == {"database": "fail"}
    without_jobs = postgresql.new_database(empty_database)
    postgresql.execute("DROP SCHEMA pgqueuer CASCADE", without_jobs)
    assert of(postgresql.url(without_jobs)) == {"database": "ok", "schema": "fail"}
