"""PgQueuer's `Driver` port over psycopg, with two connections that come back after a failure.

PgQueuer's own driver has one connection: its LISTEN holds up each statement for as long as a second,
and a restart of PostgreSQL ends it for good.
"""

import asyncio
import json
import logging
from collections import defaultdict
from typing import Final, Self

import psycopg
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback
from psycopg import AsyncRawCursor, sql
from psycopg.rows import dict_row

from errandry.tasks.sql import postgresql
from errandry.tasks.sql.location import Location
from errandry.tasks.sql.postgresql import RawConnection

_log = logging.getLogger(__name__)

_PAUSE_S: Final = 0.25
_DOWN: Final = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
_LOOK: Final = json.dumps(
    {
        "channel": "errandry",
        "operation": "insert",
        "sent_at": "2000-01-01T00:00:00Z",
        "table": "pgqueuer",
        "type": "table_changed_event",
    }
)
"""The message of the trigger on PgQueuer's table."""


class Driver:
    """Runs the statements of one queue manager, each as often as it takes until `shutdown` is set.

    All of them may be repeated: a dequeue whose answer was lost leaves jobs that go stale and are
    picked again.
    """

    def __init__(self, location: Location) -> None:
        self.shutdown = asyncio.Event()
        self.tm = TaskManager()
        self._location = location
        self._statements: RawConnection | None = None
        self._turn = asyncio.Lock()
        self._listeners: defaultdict[str, list[NotifyCallback]] = defaultdict(list)
        self._listening: asyncio.Task[None] | None = None

    # -- statements

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run a statement with places `$1`, `$2`, …; return its rows."""
        while True:
            try:
                async with self._turn:
                    return await self._run(query, args)
            except _DOWN as error:
                if self.shutdown.is_set() or _is_cancelled():
                    raise
                _log.warning("PostgreSQL does not answer the delivery: %s", type(error).__name__)
                await asyncio.sleep(_PAUSE_S)

    async def _run(self, query: str, values: tuple[object, ...]) -> list[dict[str, object]]:
        if self._statements is None or self._statements.closed:
            self._statements = await postgresql.connect(self._location)
        cursor = AsyncRawCursor(self._statements, row_factory=dict_row)
        await cursor.execute(query.encode(), values or None)
        return await cursor.fetchall() if cursor.description else []

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement without rows."""
        await self.fetch(query, *args)
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        """Send a message to all who listen."""
        await self.fetch("SELECT pg_notify($1, $2)", channel, payload)

    # -- messages

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Hear the messages of a channel."""
        self._listeners[channel].append(callback)
        self._listening = self._listening or asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        # Not `while True`: psycopg may turn a cancellation into a failed statement.
        while not (self.shutdown.is_set() or _is_cancelled()):
            try:
                async with await postgresql.connect(self._location) as connection:
                    for channel in self._listeners:
                        await connection.execute(
                            sql.SQL("LISTEN {}").format(sql.Identifier(channel))
                        )
                    self.poke()  # whatever was said meanwhile
                    async for message in connection.notifies():
                        for callback in self._listeners[message.channel]:
                            callback(message.payload)
            except _DOWN as error:
                _log.warning("PostgreSQL is not heard any more: %s", type(error).__name__)
                await asyncio.sleep(_PAUSE_S)

    def poke(self) -> None:
        """Have the queue manager look at once."""
        for callbacks in self._listeners.values():
            for callback in callbacks:
                callback(_LOOK)

    # -- life

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hear nothing more; PgQueuer has statements to run after that, until `close`."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def close(self) -> None:
        """Close the connection of the statements."""
        if self._statements is not None:
            await self._statements.close()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
