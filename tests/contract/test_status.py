"""The status of a task out of the cache: as fresh as promised, and to nobody else."""

from collections.abc import AsyncGenerator
from typing import Final

import anyio
import pytest

from errandry.errors import NotPermitted, TaskNotFound
from errandry.principal import Principal
from errandry.service.forms import CancelTask, CreateTask, ReadStatus, UpdateTask
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.status.opening import open_bus
from errandry.tasks.model import Progress
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location
from support.databases import Cut
from support.live import DONE, Writer, start
from support.valkey import Valkey
from support.waiting import LIMIT_S
from support.work import claim_one, finish_one

NOW: Final = ReadStatus()


@pytest.fixture(autouse=True)
def _patience(patient_cache: None) -> None: ...


async def until_up(bus: StatusBus) -> None:
    with anyio.fail_after(LIMIT_S):
        while not (bus.cache.is_up and bus.is_connected):
            await anyio.sleep(0.01)


@pytest.fixture
async def bus(redis: Valkey, location: Location) -> AsyncGenerator[StatusBus]:
    made = open_bus(location, redis.url)
    async with anyio.create_task_group() as group:
        group.start_soon(made.run)
        await until_up(made)
        yield made
        group.cancel_scope.cancel()


async def read(services: Services, who: Principal, reference: str) -> tuple[str, int]:
    """Where the status of a task comes from, and its revision."""
    status = await services.status.read(who, reference, NOW)
    return status.source, status.document["revision"]


async def test_what_was_just_answered_is_in_the_cache(services: Services, alice: Principal) -> None:
    task = await start(services, alice)
    assert await read(services, alice, task.id) == ("cache", task.revision)
    for number in range(5):
        form = UpdateTask(title=f"t{number}")
        changed = await services.tasks.update(alice, task.id, form, None)
        assert await read(services, alice, task.id) == ("cache", changed.revision)
    ended = await services.tasks.cancel(alice, task.id, CancelTask().reason)
    assert await read(services, alice, task.id) == ("cache", ended.revision)


async def test_it_says_what_the_row_says(services: Services, alice: Principal) -> None:
    task = await start(services, alice)
    cached = await services.status.read(alice, task.id, NOW)
    await services.status.cached.cache.forget([task.id])
    row = await services.status.read(alice, task.id, NOW)
    assert (cached.source, row.source) == ("cache", "database")
    assert cached.document == row.document


async def test_an_alias_is_looked_up_in_the_database(services: Services, alice: Principal) -> None:
    task = await start(services, alice)
    assert await read(services, alice, task.alias) == ("database", task.revision)


async def test_nobody_but_its_owner_and_admins_is_answered_from_the_cache(
    services: Services, alice: Principal, bob: Principal, boss: Principal, admin: Principal
) -> None:
    task = await start(services, alice)
    foreign = Principal("other:issuer", alice.sub, alice.scopes)
    for who in (bob, boss, foreign):
        with pytest.raises(TaskNotFound) as refused:
            await services.status.read(who, task.id, NOW)
        assert refused.value.message == "Task not found"
    assert await read(services, admin, task.id) == ("cache", task.revision)
    nobody = Principal(alice.iss, alice.sub, frozenset({"tasks:write"}))
    with pytest.raises(NotPermitted):
        await services.status.read(nobody, task.id, NOW)


async def test_a_deleted_task_is_gone_at_once(services: Services, alice: Principal) -> None:
    task = (await services.intake.create(alice, CreateTask(command="echo"))).task
    assert await read(services, alice, task.id) == ("cache", 1)
    await services.tasks.delete(alice, task.id, None)
    with pytest.raises(TaskNotFound):
        await services.status.read(alice, task.id, NOW)


async def test_who_waits_is_answered_by_the_row_and_hears_nothing_older_later(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice)
    await finish_one(database, DONE)  # by a worker that could not tell
    wanted = ReadStatus(wait=50, revision=task.revision)
    with anyio.fail_after(LIMIT_S):
        ended = await services.status.read(alice, task.id, wanted)
    assert (ended.source, ended.document["status"]) == ("database", "succeeded")
    assert await read(services, alice, task.id) == ("database", ended.document["revision"])


async def test_what_a_worker_changed_is_dropped(
    services: Services, alice: Principal, database: Database, bus: StatusBus
) -> None:
    task = await start(services, alice)
    ended = await finish_one(database, DONE)
    bus.publish(task.id, task.owner)
    with anyio.fail_after(LIMIT_S):
        while (await read(services, alice, task.id))[1] != ended.revision:
            await anyio.sleep(0.001)


async def test_progress_is_seen_soon(
    services: Services,
    alice: Principal,
    database: Database,
    bus: StatusBus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()  # with the patience of a real one
    task = await start(services, alice)
    writer = Writer(database, bus, await claim_one(database))
    await writer.write(progress=Progress(1, 2))
    with anyio.fail_after(LIMIT_S):
        while not (await services.status.read(alice, task.id, NOW)).document["progress"]:
            await anyio.sleep(0.01)


async def test_a_change_that_redis_missed_is_seen_all_the_same(
    services: Services, alice: Principal, redis: Valkey, bus: StatusBus
) -> None:
    task = await start(services, alice)
    ended = await services.tasks.cancel(alice, task.id, None)
    assert await read(services, alice, task.id) == ("cache", ended.revision)
    with redis.paused():
        changed = await services.tasks.update(alice, task.id, UpdateTask(title="new"), None)
        assert await read(services, alice, task.id) == ("database", changed.revision)
    await until_up(bus)
    assert await read(services, alice, task.id) == ("database", changed.revision)
    assert await read(services, alice, task.id) == ("cache", changed.revision)


async def test_changes_lost_on_the_way_empty_the_cache(
    services: Services, alice: Principal, bus: StatusBus, redis: Valkey
) -> None:
    task = await start(services, alice)
    redis.disconnect()
    with anyio.fail_after(LIMIT_S):
        while (await read(services, alice, task.id))[0] == "cache":
            await anyio.sleep(0.01)
    await until_up(bus)
    assert (await read(services, alice, task.id))[1] == task.revision


async def test_a_change_stands_when_its_status_cannot_be_made(
    services: Services, alice: Principal, cut: Cut
) -> None:
    task = await start(services, alice)
    cached = services.status.cached
    await cut()
    services.statistics._known.clear()
    await services.intake.news.tell(task)
    assert await cached.find(alice, task.id) is None
