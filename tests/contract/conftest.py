"""A migrated database per test, and the services over it with a few commands.

Every test here runs on SQLite and on PostgreSQL, unless it names the one that it is about.
"""

import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from errandry.commands.catalog import Catalog
from errandry.principal import Principal
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.status.redis import cache
from errandry.tasks.sql import migrate
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location
from support.databases import Cut, Make
from support.definitions import write_commands
from support.postgres import Postgres

DAY_S = 86_400.0
USER = frozenset({"commands:read", "tasks:read", "tasks:write"})


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the newest schema and nothing in it; copied, never opened."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    migrate.upgrade(Location.of_file(path))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, empty_file: Path) -> Make:
    """Makes a database with the newest schema for as long as a block lasts."""

    @contextmanager
    def sqlite(folder: Path) -> Iterator[Location]:
        shutil.copy(empty_file, folder / "errandry.db")
        yield Location.of_file(folder / "errandry.db")

    @contextmanager
    def on_server(_: Path) -> Iterator[Location]:
        name = server.new_database(template)
        yield Location.parse(server.url(name))
        server.drop(name)

    if request.param == "sqlite":
        return sqlite
    server: Postgres = request.getfixturevalue("postgresql")
    template: str = request.getfixturevalue("empty_database")
    return on_server


@pytest.fixture
def location(made: Make, tmp_path: Path) -> Iterator[Location]:
    """Where the database of this test is."""
    with made(tmp_path) as place:
        yield place


@pytest.fixture
async def database(location: Location) -> AsyncGenerator[Database]:
    opened = Database.open(location)
    yield opened
    await opened.close()


@pytest.fixture
def cut(database: Database, request: pytest.FixtureRequest, location: Location) -> Cut:
    """Makes that the database does not answer any more."""

    async def from_file() -> None:
        async with database.write() as connection:
            await connection.exec_driver_sql("ALTER TABLE tasks RENAME TO elsewhere")

    async def from_server() -> None:
        server: Postgres = request.getfixturevalue("postgresql")
        name = str(location.url.database)
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.disconnect(name)

    return from_file if location.file else from_server


@pytest.fixture
def bus() -> StatusBus:
    return StatusBus()


@pytest.fixture
def wakes() -> list[None]:
    """One entry for each time the delivery was woken."""
    return []


@pytest.fixture
def services(database: Database, bus: StatusBus, tmp_path: Path, wakes: list[None]) -> Services:
    folder = tmp_path / "commands"
    write_commands(folder)
    return Services.over(database, Catalog(folder), bus, lambda: wakes.append(None), DAY_S)


@pytest.fixture
def alice() -> Principal:
    return Principal("test:issuer", "alice", USER)


@pytest.fixture
def bob() -> Principal:
    return Principal("test:issuer", "bob", USER)


@pytest.fixture
def boss() -> Principal:
    return Principal("test:issuer", "boss", frozenset({"tasks:read", "tasks:approve"}))


@pytest.fixture
def admin() -> Principal:
    return Principal("test:issuer", "root", frozenset({"admin"}))


@pytest.fixture
def patient_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what a busy machine may take for too late last longer in caches that are made now."""
    monkeypatch.setattr(cache, "LIMIT_S", 2.0)
    monkeypatch.setattr(cache, "_MAKE_S", 60.0)
    monkeypatch.setattr(cache, "_KEEP_MS", 60_000)
    monkeypatch.setattr(cache, "_OLD_MS", 60_000)
