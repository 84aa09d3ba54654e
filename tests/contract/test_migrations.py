"""The schema: made from nothing, complete, undone again, and never older than the program."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from errandry.tasks.sql import migrate
from errandry.tasks.sql.tables import metadata

ROOT = Path(__file__).parents[2]


TASK = (
    "INSERT INTO command_versions VALUES ('sha256:0', 'c', '{}', '2026-11-24T08:00:00.000Z')",
    "INSERT INTO tasks (id, alias, owner_iss, owner_sub, command, command_digest, arguments, labels,"
    " priority, state, revision, last_seq, cancel_requested, attempt, delivery, max_attempts, on_crash,"
    " created_at, updated_at) VALUES ('t', 'c-1', 'i', 's', 'c', 'sha256:0', '{}', '{}', 0, 'running',"
    " 1, 1, 0, 1, 1, 1, 'fail', '2026-11-24T08:00:00.000Z', '2026-11-24T08:00:00.000Z')",
    "INSERT INTO attempts (task_id, attempt, worker, started_at)"
    " VALUES ('t', 1, 'w', '2026-11-24T08:00:00.000Z')",
)


def _alembic(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", "-x", f"file={file}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_upgrade_makes_every_table_and_does_nothing_the_second_time(tmp_path: Path) -> None:
    path = tmp_path / "errandry.db"
    assert migrate.current(path) is None
    assert migrate.upgrade(path)
    assert not migrate.upgrade(path)
    engine = create_engine(f"sqlite:///{path}")
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


def test_the_migrations_give_exactly_the_tables_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "errandry.db"
    migrate.upgrade(path)
    checked = _alembic(path, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "No new upgrade operations detected" in checked.stdout + checked.stderr


def _indexes(path: Path) -> set[tuple[str, str]]:
    """The indexes of a file, by their names and what they say (lower case, no quotes or spaces)."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
        indexes = {(name, re.sub(r'[\s"]', "", sql).lower()) for name, sql in found if sql}
    connection.close()
    return indexes


def test_the_migrations_give_exactly_the_indexes_of_the_program(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path / "migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert _indexes(tmp_path / "migrated.db") == _indexes(tmp_path / "made.db")


def test_every_step_keeps_the_tasks_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "errandry.db"
    first = _alembic(path, "upgrade", "0001")
    assert first.returncode == 0, first.stderr
    with sqlite3.connect(path) as connection:
        for statement in TASK:
            connection.execute(statement)
        before = connection.execute("SELECT * FROM tasks").fetchall()
    connection.close()
    assert migrate.upgrade(path)
    undone = _alembic(path, "downgrade", "0001")
    assert undone.returncode == 0, undone.stderr
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT * FROM tasks").fetchall() == before
        assert connection.execute("SELECT task_id, worker FROM attempts").fetchall() == [("t", "w")]
    connection.close()


def test_every_step_can_be_undone(tmp_path: Path) -> None:
    path = tmp_path / "errandry.db"
    migrate.upgrade(path)
    undone = _alembic(path, "downgrade", "base")
    assert undone.returncode == 0, undone.stderr
    assert migrate.current(path) is None
    assert migrate.upgrade(path)


def test_a_file_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "errandry.db"
    migrate.upgrade(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(migrate.NewerSchema, match="9999"):
        migrate.upgrade(path)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "errandry.db"
    path.write_text("this is no database, whatever its name says")
    with pytest.raises(sqlite3.DatabaseError):
        migrate.upgrade(path)
