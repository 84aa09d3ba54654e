"""Texts to every process on one PostgreSQL database, over LISTEN and NOTIFY.

Two connections of their own: one that listens takes no statements meanwhile.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from psycopg import AsyncConnection

from errandry.tasks.sql.location import Location

_CHANNEL: Final = "errandry_changes"
_CONNECT_S: Final = 5

Connection = AsyncConnection[tuple[Any, ...]]


class PostgresWire:
    """One channel for each database of a server."""

    def __init__(self, listening: Connection, sending: Connection) -> None:
        self._notifications = listening.notifies()
        self._sending = sending

    async def send(self, text: str) -> None:
        """Send a text of less than 8000 bytes to everybody who listens."""
        await self._sending.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, text))

    async def receive(self) -> str:
        """Wait for the next text."""
        return (await anext(self._notifications)).payload


@asynccontextmanager
async def connect(location: Location) -> AsyncGenerator[PostgresWire]:
    """Yield a wire to all processes of this database."""
    async with AsyncExitStack() as stack:
        listening, sending = [await _open(location, stack) for _ in range(2)]
        await listening.execute(f"LISTEN {_CHANNEL}".encode())
        yield PostgresWire(listening, sending)


async def _open(location: Location, stack: AsyncExitStack) -> Connection:
    _, options = location.url.get_dialect()().create_connect_args(location.url)
    connection = await AsyncConnection.connect(
        **options, autocommit=True, connect_timeout=_CONNECT_S, application_name="errandry"
    )
    stack.push_async_callback(connection.close)
    return connection
