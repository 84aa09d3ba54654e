"""The schema: is it there, and bring it up to date."""

import importlib.resources
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, func, pool, select
from sqlalchemy.exc import SQLAlchemyError

from errandry.tasks.sql import postgresql
from errandry.tasks.sql.location import Location

_ONE_AT_A_TIME = "errandry:migration"


class BadDatabase(Exception):
    """The database cannot be used as it is; the message names it and says why."""


class NewerSchema(BadDatabase):
    """The schema was written by a later release."""


class OlderSchema(BadDatabase):
    """The schema is that of an earlier release, or is not there."""


def scripts() -> Path:
    """The migrations: in the package of a wheel, and beside `src` in a checkout."""
    packaged = Path(str(importlib.resources.files("errandry"))) / "_migrations"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[4] / "migrations"


def revisions() -> list[str]:
    """Return the revisions of the schema that this release knows, newest first."""
    return [script.revision for script in ScriptDirectory(str(scripts())).walk_revisions()]


def current(location: Location) -> str | None:
    """Return the revision of a database's schema, None when it has none. Blocks.

    Raises:
        BadDatabase: it cannot be opened or read.
    """
    if location.file is not None and not location.file.exists():
        return None
    with _connected(location) as connection:
        return _revision(connection)


def check(location: Location) -> None:
    """See that the schema is the one of this release. Blocks.

    Raises:
        OlderSchema, NewerSchema: it is another one.
        BadDatabase: it cannot be opened or read.
    """
    found, known = current(location), revisions()
    _refuse_newer(location, found, known)
    if found != known[0] or not jobs_are_current(location):
        raise OlderSchema(
            f"{location} has the schema {found or 'of no release yet'}, this release needs"
            f" {known[0]}{'' if location.file else ' and the tables of its PgQueuer'}:"
            " run `errandry db upgrade` once, then start again"
        )


def upgrade(location: Location) -> bool:
    """Bring a database to the newest schema; an SQLite file is made if it is not there.

    Returns whether anything had to be done. Blocks; an SQLite file must not be in use. On PostgreSQL
    whoever upgrades at the same time waits; our tables are changed in one transaction, those of
    PgQueuer after it.

    Raises:
        NewerSchema: the schema is of a later release than this one.
        BadDatabase: it cannot be opened or changed.
    """
    changed = _migrate(location)
    return _upgrade_jobs(location) or changed


def _migrate(location: Location) -> bool:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    known = revisions()
    with _connected(location) as connection:
        if location.file is None:
            lock = func.pg_advisory_xact_lock(func.hashtextextended(_ONE_AT_A_TIME, 0))
            connection.execute(select(lock))
        found = _revision(connection)
        if found == known[0]:
            return False
        _refuse_newer(location, found, known)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True


def _upgrade_jobs(location: Location) -> bool:
    if location.file is not None:
        return False
    from errandry.tasks.sql import jobs  # noqa: PLC0415 - see there

    with _translated(location):
        return jobs.upgrade(location)


def jobs_are_current(location: Location) -> bool:
    """Whether the tables of PgQueuer are those of this release; SQLite needs none. Blocks.

    Raises:
        BadDatabase: it cannot be opened or read.
    """
    if location.file is not None:
        return True
    from errandry.tasks.sql import jobs  # noqa: PLC0415 - see there

    with _translated(location):
        return jobs.is_current(location)


def _refuse_newer(location: Location, found: str | None, known: list[str]) -> None:
    if found is not None and found not in known:
        raise NewerSchema(
            f"{location} has the schema {found} of a later release of errandry; install that release,"
            f" or set {'ERRANDRY_DATA_DIR' if location.file else 'ERRANDRY_DATABASE_URL'} to another"
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _connected(location: Location) -> Generator[Connection]:
    how = {} if location.file else postgresql.CONNECT
    engine = create_engine(location.url, poolclass=pool.NullPool, connect_args=how)
    try:
        with _translated(location), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _translated(location: Location) -> Generator[None]:
    try:
        yield
    except (SQLAlchemyError, CommandError, psycopg.Error) as error:
        raise BadDatabase(f"{location}: {getattr(error, 'orig', None) or error}") from error
