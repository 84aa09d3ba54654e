"""The database: transactions that read and that write, and what its failures mean to a caller.

No statement is cut in the middle when its caller is cancelled: the connection would go on with it,
and whoever comes next would find it busy.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import anyio
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from errandry.errors import Unavailable
from errandry.tasks.sql import postgresql, sqlite
from errandry.tasks.sql.location import Location

_log = logging.getLogger(__name__)


class Database:
    """An open database. `read()` and `write()` give a connection inside one transaction."""

    def __init__(
        self,
        writer: AsyncEngine,
        readers: AsyncEngine,
        turn: AbstractAsyncContextManager[object],
        *,
        is_shared: bool = False,
    ) -> None:
        self.is_shared = is_shared
        """Whether other processes use it too, so that leases are on its clock."""
        self._writer = writer
        self._readers = readers
        self._turn = turn

    @classmethod
    def open(cls, location: Location) -> "Database":
        """Open the database at a location; the schema must be there already."""
        if location.file is not None:
            return cls(*sqlite.engines(location.file), anyio.Lock())
        return cls(*postgresql.engines(location.url), nullcontext(), is_shared=True)

    @property
    def writing_engine(self) -> AsyncEngine:
        """The engine of those who write, for tests that limit it."""
        return self._writer

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """Yield a connection that sees one snapshot and writes nothing.

        As with `write`, the block must be short, and cancellation waits for its end.

        Raises:
            Unavailable: the database does not answer.
        """
        with anyio.CancelScope(shield=True), _translated():
            async with self._readers.connect() as connection:
                yield connection  # the first statement begins the transaction, closing ends it

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """Yield a writing connection; what was done is committed at the end, or nothing of it.

        On SQLite writers take turns in the order they came. Cancellation waits for the end of the
        block, so the block must be short and must not wait for anything but the database.

        Raises:
            Unavailable: the database is full, read-only or does not answer.
        """
        async with self._turn:
            with anyio.CancelScope(shield=True), _translated():
                async with self._writer.begin() as connection:
                    yield connection

    async def close(self) -> None:
        """Close every connection; the writer last, since SQLite's last one to go checkpoints."""
        await self._readers.dispose()
        await self._writer.dispose()


class _translated:  # noqa: N801 - reads as a statement
    """Turn a failure of the database itself into `Unavailable`; a fault of ours stays what it is."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, (OperationalError, InterfaceError, NoConnection)):
            return
        said = getattr(error, "orig", None) or error
        _log.error("the database refused: %s", said)
        raise Unavailable(
            f"The database cannot do this now ({said}); nothing was changed",
            next_step="Try again in a few seconds. If it stays so, the operator has to look at the"
            " database and the log of the server.",
        ) from error
