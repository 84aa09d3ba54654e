"""Carries changes between the buses of several processes, over a wire that may break at any time.

Whoever publishes never waits for it. What got lost on the way is made up for: after every cut
everybody looks again, here and elsewhere.
"""

import logging
import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import anyio

from errandry.status.cache import StatusCache
from errandry.status.notice import Change, decode, encode
from errandry.status.outbox import Outbox

_log = logging.getLogger(__name__)

BEAT_S: Final = 5.0
"""So often each process tells something, if only to hear itself."""

SILENT_S: Final = 15.0
"""A wire on which nothing came for so long is taken for dead."""

PAUSE_S: Final = 2.0
"""Between two attempts to connect; everybody looks again in each of them."""


class Wire(Protocol):
    """A connection that carries texts to every process that listens, the sender included."""

    async def send(self, text: str) -> None:
        """Send a text of at most `notice.MOST_BYTES`."""
        ...

    async def receive(self) -> str | bytes:
        """Wait for the next text."""
        ...


Connect = Callable[[], AbstractAsyncContextManager[Wire]]
"""Opens a wire; whatever is sent after that, by anybody, is received."""


class Relay:
    """One process's end."""

    def __init__(self, connect: Connect, cache: StatusCache) -> None:
        self.outbox = Outbox()
        self.is_connected = False
        self._connect = connect
        self._cache = cache
        self._name = secrets.token_hex(8)

    async def run(self, wake: Callable[[Change], None], resync: Callable[[], None]) -> None:
        """Carry until cancelled; connect again after each failure."""
        is_known = False
        while True:
            try:
                async with self._connect() as wire:
                    _log.info("told of changes in other processes")
                    self.is_connected, is_known = True, False
                    resync()
                    async with anyio.create_task_group() as group:
                        group.start_soon(self._receive, wire, wake, resync)
                        await self._send(wire)
            except Exception as error:  # noqa: BLE001 - whatever the wire does, the server goes on
                if not is_known:
                    _log.warning("not told of changes in other processes: %s", _cause(error))
                is_known = True
            finally:
                self.is_connected = False
            self.outbox.lose()
            resync()
            await anyio.sleep(PAUSE_S)

    async def _send(self, wire: Wire) -> None:
        while True:
            batch = await self.outbox.take(BEAT_S)
            if batch.outdated is None:
                await self._cache.forget_all()
            elif batch.outdated:
                await self._cache.forget(batch.outdated)
            for text in encode(self._name, batch.changes):
                await wire.send(text)

    async def _receive(
        self, wire: Wire, wake: Callable[[Change], None], resync: Callable[[], None]
    ) -> None:
        while True:
            with anyio.fail_after(SILENT_S):
                notice = decode(await wire.receive())
            if notice is None or notice.sender == self._name:
                continue
            if notice.changes is None:
                resync()
            for change in notice.told():
                wake(change)


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
