"""How many tasks of a principal may wait."""

from dataclasses import replace

import pytest

from errandry.errors import TooManyRequests
from errandry.principal import LOCAL_AGENT, Principal
from errandry.service.forms import CreateTask, ListTasks, RetryTask
from errandry.service.services import Services
from errandry.tasks.retry import Ending
from errandry.tasks.sql.database import Database
from support.work import finish_one


@pytest.fixture
def limited(services: Services) -> Services:
    return replace(services, intake=replace(services.intake, queue_limit=3))


async def _make(services: Services, who: Principal, key: str | None = None) -> str:
    form = CreateTask(command="echo", execute=True)
    return (await services.intake.create(who, form, key)).task.id


async def test_no_more_tasks_wait_than_are_allowed(
    limited: Services, alice: Principal, bob: Principal
) -> None:
    await limited.intake.create(alice, CreateTask(command="echo"))
    await limited.intake.create(alice, CreateTask(command="guarded", execute=True))
    await _make(limited, alice, "key")
    with pytest.raises(TooManyRequests, match="3 of your tasks wait already"):
        await _make(limited, alice)
    found, _ = await limited.tasks.page(alice, ListTasks())
    assert len(found) == 3
    assert await _make(limited, alice, "key") == found[0].id, "a known key makes nothing new"
    assert await _make(limited, bob)


async def test_a_task_that_runs_or_is_final_makes_room(
    limited: Services, alice: Principal, database: Database
) -> None:
    first, second, _ = [await _make(limited, alice) for _ in range(3)]
    await finish_one(database, Ending("succeeded"))
    await limited.intake.retry(alice, first, RetryTask())
    with pytest.raises(TooManyRequests):
        await limited.intake.retry(alice, first, RetryTask())
    await limited.tasks.cancel(alice, second, None)
    assert await _make(limited, alice)


async def test_the_local_issuer_has_no_limit(limited: Services) -> None:
    for _ in range(5):
        await _make(limited, LOCAL_AGENT)


async def test_without_a_limit_anything_goes(services: Services, alice: Principal) -> None:
    for _ in range(5):
        await _make(services, alice)
