"""What an operation costs with ever more tasks in the database, against a thousand of them.

The tasks are final but for a few, half of them the caller's; each step fills up to the next power of
ten. The store is called directly, so nothing hides what grows. Prints milliseconds, and their ratio
to those with 10³ tasks: 1 means that the number of tasks does not matter.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from _bench import SHORT, databases, tell
from sqlalchemy import text

from errandry.clock import rfc3339
from errandry.principal import Principal
from errandry.tasks.cursor import encode
from errandry.tasks.model import State
from errandry.tasks.sql import claims, migrate, reading
from errandry.tasks.sql.accept import NewTask, accept
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location
from errandry.tasks.sql.reading import TaskFilter
from errandry.tasks.sql.start import Start

SIZES: Final = (10**3, 10**4) if SHORT else (10**3, 10**4, 10**5, 10**6)
REPEATS: Final = 5 if SHORT else 30
WAITING: Final = 50
PAGE: Final = 20
CALLER: Final = Principal("errandry:local", "agent", frozenset({"tasks:read", "tasks:write"}))
DIGEST: Final = "sha256:0"
EPOCH: Final = 1_700_000_000

Operation = Callable[[], Awaitable[object]]

FUNCTIONS: Final = {
    "sqlite": {
        "id": "printf('tsk_%032x', n * 7919 % 1000003)",
        "at": f"strftime('%Y-%m-%dT%H:%M:%fZ', {EPOCH} + n, 'unixepoch')",
    },
    "postgresql": {
        "id": "'tsk_' || lpad(to_hex(n * 7919 % 1000003), 32, '0')",
        "at": f"to_timestamp({EPOCH} + n)",
    },
}
"""What the databases write differently. The ids come in no order, as those of real tasks."""

FILL: Final = """
WITH RECURSIVE numbers (n) AS (
    SELECT CAST(:first AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < :last
)
INSERT INTO tasks (
    id, alias, owner_iss, owner_sub, command, command_digest, arguments, labels, priority,
    request_hash, state, revision, last_seq, cancel_requested, attempt, delivery, max_attempts,
    on_crash, result, created_at, updated_at, queued_at, started_at, finished_at, expires_at
)
SELECT
    {id}, 'filled-' || n, 'errandry:local', CASE n % 2 WHEN 0 THEN 'agent' ELSE 'other' END,
    CASE n % 500 WHEN 0 THEN 'seldom' ELSE 'note' END, :digest, '{{"text": "a small present"}}',
    '{{}}', 0, 'x', CASE n % 20 WHEN 0 THEN 'failed' ELSE 'succeeded' END, 4, 4, false, 1, 1, 1,
    'fail', '{{"answer": 42}}', {at}, {at}, {at}, {at}, {at}, '2099-01-01T00:00:00.000Z'
FROM numbers
"""


def new_task(start: Start | None = None) -> NewTask:
    """Return a task to be taken in."""
    return NewTask(
        command="note",
        digest=DIGEST,
        document={},
        arguments={"text": "a small present"},
        request_hash="x",
        max_attempts=1,
        on_crash="fail",
        keep_s=None,
        title="What to buy",
        start=start,
    )


async def fill(database: Database, kind: str, first: int, last: int) -> None:
    """Add final tasks numbered so; let the database look at them as it would do in time."""
    statement = text(FILL.format(**FUNCTIONS[kind]))
    async with database.write() as connection:
        if kind == "sqlite":  # else ids in no order make it slow to fill
            await connection.execute(text("PRAGMA cache_size = -500000"))
        await connection.execute(statement, {"first": first, "last": last, "digest": DIGEST})
        if kind == "sqlite":
            await connection.execute(text("PRAGMA cache_size = -2000"))
    if kind == "postgresql":  # SQLite does nothing of the kind by itself
        async with database.writing_engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE tasks"))


async def median_ms(operation: Operation) -> float:
    """Return the median of some repetitions, after one that does not count."""
    await operation()
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        await operation()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def listing(database: Database, after: str | None = None, **fields: object) -> Operation:
    """Return how to read a page."""
    wanted = TaskFilter(**fields)  # type: ignore[arg-type]  # the fields of the calls below
    return lambda: reading.list_tasks(database, CALLER, wanted, PAGE, after)


async def operations(database: Database, size: int) -> Mapping[str, Operation]:
    """Return what is measured, by name. Some tasks wait in the queue for `claim` to take them."""
    for _ in range(WAITING):
        await accept(database, CALLER, new_task(Start(DIGEST)))
    number = size // 4 * 2
    task_id = f"tsk_{number * 7919 % 1000003:032x}"
    middle = encode(rfc3339(datetime.fromtimestamp(EPOCH + number, UTC)), task_id)
    return {
        "create": lambda: accept(database, CALLER, new_task()),
        "get": lambda: reading.get(database, CALLER, task_id),
        "get_alias": lambda: reading.get(database, CALLER, f"filled-{number}"),
        "list": listing(database),
        "list_middle": listing(database, after=middle),
        "list_failed": listing(database, states=[State.FAILED]),
        "list_running": listing(database, states=[State.RUNNING, State.AWAITING_APPROVAL]),
        "list_seldom": listing(database, command="seldom"),
        "list_nothing": listing(database, text="no such text"),
        "claim": lambda: claims.claim(database, "bench", 1, 600),
    }


async def clean(database: Database) -> None:
    """Take away the tasks that a step has made itself."""
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM tasks WHERE title IS NOT NULL"))


@asynccontextmanager
async def opened(location: Location) -> AsyncGenerator[Database]:
    """Make the schema, and what all tasks of this file need."""
    await asyncio.to_thread(migrate.upgrade, location)
    database = Database.open(location)
    await accept(database, CALLER, new_task())
    await clean(database)
    yield database
    await database.close()


async def measure(kind: str, location: Location) -> None:
    """Fill and measure step by step, and tell."""
    first: dict[str, float] = {}
    before = 0
    async with opened(location) as database:
        for size in SIZES:
            await fill(database, kind, before + 1, size)
            before = size
            for name, operation in (await operations(database, size)).items():
                took = await median_ms(operation)
                ratio = took / first.setdefault(name, took)
                tell(f"growth.{kind}.{name}", tasks=size, ms=took, ratio=ratio)
            await clean(database)


def main() -> None:
    """Measure and print."""
    for kind, server in databases():
        with tempfile.TemporaryDirectory() as folder:
            location = Location.of_file(Path(folder, "growth.db"))
            if server is not None:
                location = Location.parse(server.url(server.new_database()))
            asyncio.run(measure(kind, location))


if __name__ == "__main__":
    main()
