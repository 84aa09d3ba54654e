"""What ends by itself: tasks that waited too long, and final ones that were kept long enough."""

import logging
from typing import Final

import anyio

from errandry.errors import Unavailable
from errandry.status.bus import StatusBus
from errandry.tasks.sql import changing
from errandry.tasks.sql.database import Database

_log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
_BATCH: Final = 100


async def sweep(
    database: Database, bus: StatusBus, retention_s: float, every_s: float = EVERY_S
) -> None:
    """Give up and delete what is due, every few seconds, for ever."""
    while True:
        try:
            changed = await changing.sweep(database, retention_s, _BATCH)
        except Unavailable:
            _log.warning("cannot sweep: the database does not answer")
            changed = []
        for task in changed:
            bus.publish(task.id, task.owner)
        if len(changed) < _BATCH:
            await anyio.sleep(every_s)
