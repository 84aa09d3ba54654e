"""A migrated database per test, and the services over it with a few commands."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from errandry.commands.catalog import Catalog
from errandry.principal import Principal
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.tasks.sql import migrate
from errandry.tasks.sql.database import Database
from support.definitions import write_commands

DAY_S = 86_400.0
USER = frozenset({"commands:read", "tasks:read", "tasks:write"})


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the newest schema and nothing in it; copied, never opened."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    migrate.upgrade(path)
    return path


@pytest.fixture
async def database(tmp_path: Path, empty_file: Path) -> AsyncGenerator[Database]:
    shutil.copy(empty_file, tmp_path / "errandry.db")
    opened = Database.sqlite(tmp_path / "errandry.db")
    yield opened
    await opened.close()


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
