"""The database: transactions that read and that write, and what its failures mean to a caller.

No statement is cut in the middle when its caller is cancelled: the connection would go on with it,
and whoever comes next would find it busy.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Self

import anyio
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
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
            with anyio.CancelScope(shield=True), _translated() as refusal:
                async with self._writer.begin() as connection:
                    yield connection
                    refusal.is_sure = not self.is_shared  # a commit may be made and not answered

    async def close(self) -> None:
        """Close every connection; the writer last, since SQLite's last one to go checkpoints."""
        await self._readers.dispose()
        await self._writer.dispose()


class _translated:  # noqa: N801 - reads as a statement
    """Turn a failure of the database itself into `Unavailable`; a fault of ours stays what it is."""

    is_sure = True
    """Whether nothing was changed when it fails now."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # An InternalError is for example that of a database that has become read-only.
        if not isinstance(error, (OperationalError, InterfaceError, InternalError, NoConnection)):
            return
        said = getattr(error, "orig", None) or error
        _log.error("the database refused: %s", said)
        if not self.is_sure:
            raise Unavailable(
                f"The database was lost while it did this ({said}); it may be done or not",
                next_step="Look at it, or repeat the call with the same idempotency key.",
            ) from error
        raise Unavailable(
            f"The database cannot do this now ({said}); nothing was changed",
            next_step="Try again in a few seconds. If it stays so, the operator has to look at the"
            " database and the log of the server.",
        ) from error
