"""What a worker does to the store, without a worker."""

from errandry.tasks.model import Task
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import claims, endings
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database

NEVER_AGAIN = RetryPolicy()
DAY_S = 86_400.0
LEASE_S = 15.0


async def claim_one(database: Database, worker: str = "worker") -> Claim:
    """Claim the next due task; there must be one."""
    (claimed,) = await claims.claim(database, worker, 1, LEASE_S)
    return claimed


async def finish(
    database: Database, claimed: Claim, ending: Ending, policy: RetryPolicy = NEVER_AGAIN
) -> Task | None:
    """End a claimed attempt."""
    return await endings.finish(database, claimed.task_id, claimed.attempt, ending, policy, DAY_S)


async def finish_one(database: Database, ending: Ending, policy: RetryPolicy = NEVER_AGAIN) -> Task:
    """Claim the next due task and end its attempt."""
    task = await finish(database, await claim_one(database), ending, policy)
    assert task is not None
    return task
