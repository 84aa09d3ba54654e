"""What many streams read at once."""

import anyio
import pytest

from errandry.errors import TaskNotFound
from errandry.principal import Principal
from errandry.service.forms import UpdateTask
from errandry.service.looks import Looks
from errandry.service.services import Services
from errandry.tasks.model import Task
from errandry.tasks.sql.database import Database
from support.live import start
from support.waiting import LIMIT_S


async def test_those_who_wait_for_the_same_task_share_a_read(
    services: Services, database: Database, alice: Principal
) -> None:
    task, looks, found = await start(services, alice), Looks(database), list[Task]()

    async def look() -> None:
        found.append(await looks.task(alice, task.id))

    with anyio.fail_after(LIMIT_S):
        async with anyio.create_task_group() as group, looks.turns, looks.turns:
            for _ in range(20):
                group.start_soon(look)
            while looks.turns.statistics().tasks_waiting < 20:
                await anyio.lowlevel.checkpoint()
    assert [each.id for each in found] == [task.id] * 20
    assert len({id(each) for each in found}) <= 2  # so many looked at once


async def test_a_read_that_began_before_is_not_enough(
    services: Services, database: Database, alice: Principal
) -> None:
    task, looks = await start(services, alice), Looks(database)
    assert (await looks.task(alice, task.id)).title is None
    await services.tasks.update(alice, task.id, UpdateTask(title="new"), None)
    assert (await looks.task(alice, task.id)).title == "new"


async def test_nobody_shares_a_read_of_somebody_who_may_see_more(
    services: Services, database: Database, alice: Principal
) -> None:
    task, looks, found = await start(services, alice), Looks(database), list[str]()
    admin = Principal("test:issuer", "somebody", frozenset({"admin"}))
    plain = Principal("test:issuer", "somebody", alice.scopes)

    async def look(who: Principal) -> None:
        try:
            found.append((await looks.task(who, task.id)).id)
        except TaskNotFound:
            found.append("none")

    with anyio.fail_after(LIMIT_S):
        async with anyio.create_task_group() as group, looks.turns, looks.turns:
            for who in (admin, plain, admin):
                group.start_soon(look, who)
            while looks.turns.statistics().tasks_waiting < 3:
                await anyio.lowlevel.checkpoint()
    assert sorted(found) == sorted([task.id, "none", task.id])
    with pytest.raises(TaskNotFound):
        await looks.task(plain, task.id)
