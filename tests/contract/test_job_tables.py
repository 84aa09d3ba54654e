"""The tables of PgQueuer: made by the upgrade, converged by the next one, needed by the server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from errandry.tasks.sql import jobs, migrate
from errandry.tasks.sql.location import Location
from support.postgres import Postgres

TABLES = {"pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics"}


@pytest.fixture
def nothing(postgresql: Postgres) -> Iterator[Location]:
    """A database without any table."""
    name = postgresql.new_database()
    yield Location.parse(postgresql.url(name))
    postgresql.drop(name)


def _execute(location: Location, statement: str) -> list[str]:
    with psycopg.connect(location.conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


def _tables(location: Location, schema: str) -> set[str]:
    return set(_execute(location, f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'"))


def test_an_upgrade_makes_them_in_a_schema_of_their_own(nothing: Location) -> None:
    assert migrate.upgrade(nothing)
    assert _tables(nothing, "pgqueuer") >= TABLES
    assert not _tables(nothing, "public") & TABLES
    assert jobs.is_current(nothing)
    assert not jobs.upgrade(nothing)


def test_several_upgrades_at_once_take_turns(nothing: Location) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert any(list(pool.map(migrate.upgrade, [nothing] * 3)))
    migrate.check(nothing)


def test_a_database_without_them_or_with_older_ones_is_refused_until_the_upgrade(
    nothing: Location,
) -> None:
    migrate.upgrade(nothing)
    for damage in (
        "DROP SCHEMA pgqueuer CASCADE",
        "ALTER TABLE pgqueuer.pgqueuer DROP COLUMN headers",
    ):
        _execute(nothing, damage)
        with pytest.raises(migrate.OlderSchema, match=r"PgQueuer: run `errandry db upgrade`"):
            migrate.check(nothing)
        assert migrate.upgrade(nothing)
        migrate.check(nothing)


def test_names_in_the_environment_do_not_lead_elsewhere() -> None:
    names = {"QUEUE_TABLE": "a", "CHANNEL": "b", "TRIGGER": "c"}
    variables = {
        "PGQUEUER_PREFIX": "p_",
        "PGQUEUER_SCHEMA": "s",
        "PGQUEUER_DURABILITY": "volatile",
        **names,
        **{f"PGQUEUER_{name}": value for name, value in names.items()},
    }
    said = subprocess.run(
        [sys.executable, "-c", "from errandry.tasks.sql import jobs; print(jobs.SETTINGS)"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == str(jobs.SETTINGS)
    assert jobs.SETTINGS.qualified.queue_table == "pgqueuer.pgqueuer"
