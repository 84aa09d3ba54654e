"""For all tests: one event loop, and the one list of tests that cannot run on every platform."""

import os
import signal
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errandry.execution.spawner import unix
from errandry.tasks.sql import migrate
from errandry.tasks.sql.location import Location
from support import postgres
from support.postgres import Postgres

if TYPE_CHECKING:
    from support.valkey import Valkey

TESTS = Path(__file__).parent
LIST = TESTS / "platform.toml"
PREFIX = "platform.toml: "
HAS: dict[str, Callable[[], bool]] = {
    "root": lambda: os.geteuid() == 0,
    "not-root": lambda: os.geteuid() != 0,
    "linux": lambda: sys.platform == "linux",
    "landlock": unix.can_fence,
    "not-portable": lambda: unix.LINUX,
}


def pytest_configure() -> None:
    """Hear SIGINT: a shell that starts the suite in the background makes it be ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of a process; they take databases of it."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def empty_database(postgresql: Postgres) -> str:
    """The name of a database with the newest schema and nothing in it; copied, never used."""
    name = postgresql.new_database()
    migrate.upgrade(Location.parse(postgresql.url(name)))
    return name


@pytest.fixture(scope="session")
def new_database(postgresql: Postgres, empty_database: str) -> str:
    """The URL of a PostgreSQL database with the newest schema, for a server of many tests."""
    return postgresql.url(postgresql.new_database(empty_database))


@pytest.fixture(scope="session")
def valkey_server() -> Iterator["Valkey"]:
    """One Valkey for all tests of a process."""
    from support import valkey  # noqa: PLC0415 - the tests of processes run where its client does not

    with valkey.running() as server:
        yield server


@pytest.fixture
def redis(valkey_server: "Valkey") -> "Valkey":
    """The Valkey, empty."""
    valkey_server.empty()
    return valkey_server


def read_list() -> list[tuple[str, str, str]]:
    """Name, need and reason of each entry; one that names no test or no known need is an error."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["tests"]
    for entry in entries:
        path, _, function = entry["name"].partition("::")
        file = TESTS / path
        if not file.is_file() or f"def {function}(" not in file.read_text(encoding="utf-8"):
            raise pytest.UsageError(f"{LIST} names {entry['name']}, which does not exist")
        if entry["needs"] not in HAS:
            raise pytest.UsageError(f"{LIST}: {entry['name']} needs one of {', '.join(HAS)}")
    return [(entry["name"], entry["needs"], entry["reason"]) for entry in entries]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for name, need, reason in read_list():
        if HAS[need]():
            continue
        skip = pytest.mark.skip(reason=f"{PREFIX}{reason}")
        for item in items:
            if item.nodeid.partition("[")[0].endswith(name):
                item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    count = sum(PREFIX in text for text in skipped)
    terminalreporter.write_line(f"{count} tests do not fit this platform (tests/platform.toml)")
