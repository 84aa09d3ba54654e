"""The schema: made from nothing, complete, undone again, and never older than the program."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from errandry.tasks.sql import migrate
from errandry.tasks.sql.tables import metadata

ROOT = Path(__file__).parents[2]


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
