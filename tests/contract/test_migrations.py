"""The schema: made from nothing, complete, undone again, and never older than the program."""

import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, pool, text

from errandry.tasks.sql import migrate
from errandry.tasks.sql.location import Location
from errandry.tasks.sql.tables import metadata
from support.postgres import Postgres

ROOT = Path(__file__).parents[2]
MOMENT = "2026-11-24T08:00:00.000Z"
EARLIER = migrate.revisions()[1:]

TASK = (
    f"INSERT INTO command_versions VALUES ('sha256:0', 'c', '{{}}', '{MOMENT}')",
    "INSERT INTO tasks (id, alias, owner_iss, owner_sub, command, command_digest, arguments, labels,"
    " priority, state, revision, last_seq, cancel_requested, attempt, delivery, max_attempts, on_crash,"
    " created_at, updated_at) VALUES ('t', 'c-1', 'i', 's', 'c', 'sha256:0', '{}', '{}', 0, 'running',"
    f" 1, 1, false, 1, 1, 1, 'fail', '{MOMENT}', '{MOMENT}')",
    f"INSERT INTO attempts (task_id, attempt, worker, started_at) VALUES ('t', 1, 'w', '{MOMENT}')",
    "INSERT INTO events (task_id, seq, type, at, data)"
    f" VALUES ('t', 1, 'created', '{MOMENT}', '{{}}')",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def nothing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Location]:
    """A place without any table."""
    if request.param == "sqlite":
        yield Location.of_file(tmp_path / "errandry.db")
        return
    server: Postgres = request.getfixturevalue("postgresql")
    name = server.new_database()
    yield Location.parse(server.url(name))
    server.drop(name)


def _alembic(location: Location, *arguments: str) -> str:
    url = location.url.render_as_string(hide_password=False)
    ran = subprocess.run(
        [sys.executable, "-m", "alembic", "-x", f"url={url}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@contextmanager
def _connected(location: Location) -> Generator[Connection]:
    engine = create_engine(location.url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _rows(location: Location, query: str) -> list[tuple[Any, ...]]:
    with _connected(location) as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_an_upgrade_makes_every_table_and_does_nothing_the_second_time(nothing: Location) -> None:
    assert migrate.current(nothing) is None
    assert migrate.upgrade(nothing)
    assert not migrate.upgrade(nothing)
    with _connected(nothing) as connection:
        tables = set(inspect(connection).get_table_names())
    assert tables == {*metadata.tables, "alembic_version"}


def test_the_migrations_give_exactly_the_tables_of_the_program(nothing: Location) -> None:
    migrate.upgrade(nothing)
    assert "No new upgrade operations detected" in _alembic(nothing, "check")


def _indexes(location: Location) -> set[str]:
    """What the indexes say (lower case, no quotes or spaces)."""
    query = (
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if location.file
        else "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    said = {re.sub(r'[\s"]', "", sql).lower() for (sql,) in _rows(location, query)}
    return {sql for sql in said if "alembic_version" not in sql}


def test_the_migrations_give_exactly_the_indexes_of_the_program(nothing: Location) -> None:
    migrate.upgrade(nothing)
    migrated = _indexes(nothing)
    _alembic(nothing, "downgrade", "base")
    with _connected(nothing) as connection:
        metadata.create_all(connection)
    assert migrated == _indexes(nothing)


@pytest.mark.parametrize("revision", EARLIER)
def test_an_upgrade_keeps_the_tasks_that_are_there(nothing: Location, revision: str) -> None:
    _alembic(nothing, "upgrade", revision)
    with _connected(nothing) as connection:
        for statement in TASK:
            connection.exec_driver_sql(statement)
    before = _rows(nothing, "SELECT * FROM tasks")
    assert migrate.upgrade(nothing)
    _alembic(nothing, "downgrade", revision)
    assert _rows(nothing, "SELECT * FROM tasks") == before
    assert _rows(nothing, "SELECT task_id, worker FROM attempts") == [("t", "w")]
    assert _rows(nothing, "SELECT type FROM events") == [("created",)]


def test_every_step_can_be_undone(nothing: Location) -> None:
    migrate.upgrade(nothing)
    _alembic(nothing, "downgrade", "base")
    assert migrate.current(nothing) is None
    assert migrate.upgrade(nothing)


def test_a_database_of_a_later_release_is_left_alone(nothing: Location) -> None:
    migrate.upgrade(nothing)
    with _connected(nothing) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for look in (migrate.upgrade, migrate.check):
        with pytest.raises(migrate.NewerSchema, match="9999"):
            look(nothing)


def test_a_database_of_an_earlier_release_is_refused_by_who_may_not_upgrade(
    nothing: Location,
) -> None:
    with pytest.raises(migrate.OlderSchema, match="run `errandry db upgrade`"):
        migrate.check(nothing)
    _alembic(nothing, "upgrade", EARLIER[-1])
    with pytest.raises(migrate.OlderSchema, match=EARLIER[-1]):
        migrate.check(nothing)
    migrate.upgrade(nothing)
    migrate.check(nothing)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "errandry.db"
    path.write_text("this is no database, whatever its name says")
    with pytest.raises(migrate.BadDatabase, match=str(path)):
        migrate.upgrade(Location.of_file(path))


def test_a_server_that_does_not_answer_is_named_without_its_password(postgresql: Postgres) -> None:
    url = postgresql.url("nowhere").replace("postgres@", "postgres:hush@")
    with pytest.raises(migrate.BadDatabase, match=r"postgres:\*\*\*@.*nowhere") as refused:
        migrate.check(Location.parse(url))
    assert "hush" not in str(refused.value)
