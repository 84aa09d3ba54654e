"""The loops that keep a worker's attempts alive, and that look for those of dead workers."""

import logging
import time
from typing import Final

import anyio

from errandry import clock
from errandry.errors import Unavailable
from errandry.execution.recovery import Recovery
from errandry.execution.worker import Worker
from errandry.tasks.sql import claims
from errandry.tasks.sql.database import Database

_log = logging.getLogger(__name__)

BEATS_PER_LEASE: Final = 5
_RECOVER_S: Final = 1.0


async def beat(database: Database, worker: Worker, recovery: Recovery | None) -> None:
    """Renew, feed, end what is lost or to be cancelled, recover: in this order, five times a lease, for ever.

    After a sleep of the machine the loop wakes late; it renews first, and so takes nothing from
    itself. Without `recovery` others look for lost attempts.
    """
    lease_s = worker.settings.lease_s
    clock_s = clock.boot_time if database.is_shared else time.monotonic
    while True:
        began = clock_s()
        try:
            held = worker.held
            ids = {task_id for task_id, _ in held}
            kept = await claims.renew(database, worker.name, ids, lease_s)
            worker.feed(time.monotonic() - (clock_s() - began))
            for each in held - kept.keys():
                worker.lose(*each)
            for each in (each for each, is_asked in kept.items() if is_asked):
                worker.cancel(*each)
            if recovery is not None:
                await recovery.look()
        except Unavailable:
            _log.warning("a heartbeat was missed: the database does not answer")
        except OSError:
            _log.exception("cannot look for lost attempts")
        await anyio.sleep(lease_s / BEATS_PER_LEASE)


async def recover(recovery: Recovery) -> None:
    """Look for lost attempts each second, for ever: apart from a heartbeat, of any worker or API."""
    while True:
        try:
            await recovery.look()
        except Unavailable:
            _log.warning("cannot look for lost attempts: the database does not answer")
        except OSError:
            _log.exception("cannot look for lost attempts")
        await anyio.sleep(_RECOVER_S)
