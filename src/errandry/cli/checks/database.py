"""The database. While a server runs it alone opens an SQLite file, and answers for it on /readyz."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from errandry.cli.checks.finding import Finding, Ground, Level
from errandry.cli.databases import read_location
from errandry.tasks.sql import migrate
from errandry.tasks.sql.location import Location
from errandry.tasks.sql.sqlite import has_sound_wal


def check(ground: Ground) -> Iterator[Finding]:
    """Look whether the database answers, or the file is whole, and at its schema."""
    location = read_location(ground.settings)
    if location.file is None:
        yield from _of_server(location)
    else:
        yield _library(sqlite3.sqlite_version_info)
        yield from _of_file(ground, location, location.file)


def _of_server(location: Location) -> Iterator[Finding]:
    try:
        found = migrate.current(location)
        has_jobs = found is not None and migrate.jobs_are_current(location)
    except migrate.BadDatabase as error:
        yield Finding(
            "fail", "database", str(error), "Start PostgreSQL, or mend ERRANDRY_DATABASE_URL."
        )
        return
    yield Finding("ok", "database", f"{location} answers")
    next_step = "Run `errandry db upgrade` before a server or worker starts."
    if found == migrate.revisions()[0] and not has_jobs:
        says = f"revision {found}, but the tables of PgQueuer are not those of this release"
        yield Finding("fail", "schema", says, next_step)
    else:
        yield _schema(found, next_step, behind="fail")


def _of_file(ground: Ground, location: Location, path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield Finding("ok", "database", f"{path} is not there yet; the server makes it")
        return
    with ground.held() as is_free:
        if not is_free:
            yield Finding("ok", "database", "a server has it open; see the line of the server")
            return
        if broken := _broken(path):
            yield Finding(
                "fail",
                "database",
                f"{path} is damaged: {broken}",
                "Start no server on it; put a copy of the file in its place, or move it away.",
            )
            return
        yield Finding("ok", "database", f"{path} is whole")
        yield _schema(
            migrate.current(location),
            "The next server upgrades it; to do so beforehand: errandry db upgrade",
        )


def _library(version: tuple[int, ...]) -> Finding:
    says = f"SQLite {'.'.join(map(str, version))}"
    if not has_sound_wal(version):
        says += "; its write-ahead-log bug needs several writers, and a server has one"
    return Finding("ok", "sqlite", says)


def _broken(path: Path) -> str | None:
    try:
        address = f"{path.as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else str(found)


def _schema(found: str | None, next_step: str, behind: Level = "warn") -> Finding:
    known = migrate.revisions()
    if found == known[0]:
        return Finding("ok", "schema", f"revision {found}")
    if found is None or found in known:
        return Finding(
            behind,
            "schema",
            f"revision {found or 'none'}, this release has {known[0]}",
            next_step,
        )
    return Finding(
        "fail",
        "schema",
        f"revision {found} is of a later release",
        "Install that release, or use another database.",
    )
