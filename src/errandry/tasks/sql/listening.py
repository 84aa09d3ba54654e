"""Texts to every process on one PostgreSQL database, over LISTEN and NOTIFY.

Two connections of their own: one that listens takes no statements meanwhile.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from errandry.tasks.sql import postgresql
from errandry.tasks.sql.location import Location
from errandry.tasks.sql.postgresql import RawConnection

_CHANNEL: Final = "errandry_changes"


class PostgresWire:
    """One channel for each database of a server."""

    def __init__(self, listening: RawConnection, sending: RawConnection) -> None:
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


async def _open(location: Location, stack: AsyncExitStack) -> RawConnection:
    connection = await postgresql.connect(location)
    stack.push_async_callback(connection.close)
    return connection
