"""What the metrics are made of."""

import pytest

from errandry import clock
from errandry.errors import CommandNotFound
from errandry.principal import Principal
from errandry.service.forms import CreateTask, RetryTask
from errandry.service.services import Services
from errandry.tasks.model import State
from errandry.tasks.sql.backlog import Backlog, backlog
from errandry.tasks.sql.database import Database
from support.live import DONE, start
from support.work import finish_one


async def test_calls_that_make_a_task_are_counted_by_what_became_of_them(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice)
    for _ in range(2):
        await services.intake.create(alice, CreateTask(command="echo"), "a-key")
    with pytest.raises(CommandNotFound):
        await start(services, alice, command="nobody")
    await finish_one(database, DONE)
    await services.intake.retry(alice, task.id, RetryTask())
    assert services.intake.outcomes == {"created": 3, "replayed": 1, "command_not_found": 1}


async def test_the_queue_is_what_is_due(
    services: Services, alice: Principal, database: Database
) -> None:
    assert await backlog(database, clock.now()) == Backlog(0, None)
    past = clock.after(clock.now(), -3600)
    first = await start(services, alice, run_at=past)
    await start(services, alice)
    later = await start(services, alice, delay_s=3600)
    assert first.state is later.state is State.QUEUED
    assert await backlog(database, clock.now()) == Backlog(2, first.queued_at)
    assert later.run_at is not None
    assert (await backlog(database, clock.after(later.run_at, 1))).due == 3
