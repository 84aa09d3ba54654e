"""How a process that runs tasks is told to stop."""

import logging
import signal
from collections.abc import Awaitable, Callable

import anyio

_log = logging.getLogger("errandry.stopping")


async def stop_on_signal(drain: Callable[[], Awaitable[None]], end_all: Callable[[], None]) -> None:
    """The first SIGTERM or SIGINT drains, the second does not wait; return when drained."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as group:

            async def begin() -> None:
                await drain()
                group.cancel_scope.cancel()

            draining = False
            async for number in signals:
                if draining:
                    _log.warning("stopping at once")
                    end_all()
                    continue
                draining = True
                _log.info("stopping: waiting for running tasks", extra={"signal": number})
                group.start_soon(begin)
