"""The loop that keeps a worker's attempts alive, and then looks for those of dead workers."""

import logging
import time
from typing import Final

import anyio

from errandry.errors import Unavailable
from errandry.execution.recovery import Recovery
from errandry.execution.worker import Worker
from errandry.tasks.sql import claims
from errandry.tasks.sql.database import Database

_log = logging.getLogger(__name__)

BEATS_PER_LEASE: Final = 5


async def beat(database: Database, worker: Worker, recovery: Recovery) -> None:
    """Renew, feed, cancel what was asked for, recover: in this order, five times a lease, for ever.

    After a sleep of the machine the loop wakes late; it renews first, and so takes nothing from
    itself.
    """
    lease_s = worker.settings.lease_s
    while True:
        began = time.monotonic()
        try:
            asked = await claims.renew(database, worker.name, lease_s)
            worker.feed(began)
            for task_id, attempt in asked:
                worker.cancel(task_id, attempt)
            await recovery.look()
        except Unavailable:
            _log.warning("a heartbeat was missed: the database does not answer")
        except OSError:
            _log.exception("cannot look for lost attempts")
        await anyio.sleep(lease_s / BEATS_PER_LEASE)
