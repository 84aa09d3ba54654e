"""What benchmarks share: the databases, the processes they compare, and one JSON line per figure.

Import it before anything of `support`, which it puts on the path.
"""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from _load import Load

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from errandry.tasks.sql import migrate  # noqa: E402
from errandry.tasks.sql.location import Location  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.postgres import Postgres  # noqa: E402
from support.server import Document, Server, serving  # noqa: E402

SHORT: Final = "--short" in sys.argv
"""Whether only to show that it works: the figures of so few rounds mean nothing."""


ROUNDS: Final = 5
ROUND_S: Final = 1.0

signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that what was started ends, too


def rounds(count: int) -> range:
    """Return the rounds to run: all of them, or in short form one."""
    return range(1 if SHORT else count)


def seconds(wanted: float) -> float:
    """Return how long to measure in one round."""
    return 0.1 if SHORT else wanted


def tell(bench: str, goal: str = "", /, **figures: float | str | None) -> None:
    """Print one figure."""
    rounded = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in figures.items()
        if value is not None
    }
    told = {"bench": bench, **rounded, **({"goal": goal} if goal else {})}
    print(json.dumps(told), flush=True)


def ratio(own: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(own, other, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


@contextmanager
def postgresql() -> Iterator[Postgres]:
    """Run a PostgreSQL that writes to the disk before it says so, while the block lasts."""
    server = Postgres(durable=True)
    try:
        yield server
    finally:
        server.close()


def databases() -> Iterator[tuple[str, Postgres | None]]:
    """Yield the name of each kind of database, and its server if it has one."""
    yield "sqlite", None
    with postgresql() as server:
        yield "postgresql", server


@contextmanager
def errandry(database: Postgres | None, *commands: Document) -> Iterator[Server]:
    """Run the product over a new database, with these commands."""
    settings = {}
    if database is not None:
        settings["database_url"] = database.url(database.new_database())
        migrate.upgrade(Location.parse(settings["database_url"]))
    with serving(*commands, **settings) as server:
        yield server


@contextmanager
def bare(database: Postgres | None) -> Iterator[int]:
    """Run what it is compared with over a new database; yield the port."""
    with tempfile.TemporaryDirectory() as folder:
        url = database.url(database.new_database()) if database else f"sqlite:///{folder}/bare.db"
        with process("_bare.py", url) as port:
            yield port


@contextmanager
def process(file: str, *arguments: str) -> Iterator[int]:
    """Run a server of this folder, which is told a port and says when it listens; yield the port."""
    port = free_port()
    command = [sys.executable, str(HERE / file), str(port), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        try:
            if server.stdout.readline() != "ready\n":
                sys.exit(f"{file} did not start")
            yield port
        finally:
            server.terminate()


@dataclass(frozen=True)
class Target:
    """Requests, and the port that they are for."""

    port: int
    requests: Sequence[str]


def compare_rates(asking: Load, bench: str, own: Target, other: Target, at_once: int = 1) -> None:
    """Have both answer in turns, and tell the ratio of their rates: higher is better."""
    rates: dict[str, list[float]] = {"own": [], "other": []}
    for _ in rounds(ROUNDS):
        for whose, target in (("own", own), ("other", other)):
            seen = asking.run(target.port, target.requests, at_once, seconds(ROUND_S))
            rates[whose].append(seen.per_s)
    tell(
        bench,
        ratio=ratio(rates["own"], rates["other"]),
        per_s=statistics.median(rates["own"]),
        bare_per_s=statistics.median(rates["other"]),
    )
