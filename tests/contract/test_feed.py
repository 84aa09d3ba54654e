"""The stream of all tasks of a caller, and what becomes of readers that are slow or gone."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from errandry.principal import Principal
from errandry.service.forms import CreateTask, ReadEvents, UpdateTask
from errandry.service.frames import RESYNC
from errandry.service.live import Frames
from errandry.service.services import Services
from errandry.status.bus import MOST_CHANGED, StatusBus
from errandry.tasks.model import Progress
from errandry.tasks.sql.database import Database
from support.databases import Cut
from support.live import DONE, Writer, rest, start, take
from support.work import claim_one, finish


@pytest.fixture
async def feed(services: Services, alice: Principal) -> AsyncGenerator[Frames]:
    """The stream of all of alice's tasks, of which `resync` was read."""
    async with aclosing(services.live.tasks(alice)) as frames:
        assert await take(frames, 1) == [RESYNC]
        yield frames


async def test_an_owner_is_told_of_its_own_tasks_and_an_admin_of_all(
    services: Services, alice: Principal, bob: Principal, admin: Principal, feed: Frames
) -> None:
    async with aclosing(services.live.tasks(admin)) as every:
        assert await take(every, 1) == [RESYNC]
        foreign, own = await start(services, bob), await start(services, alice)
        (told,) = await take(feed, 1)
        assert (told.event, told.number, told.data["id"]) == ("task", None, own.id)
        assert [frame.data["id"] for frame in await take(every, 2)] == [foreign.id, own.id]


async def test_each_change_of_a_task_is_told_and_a_log_is_none(
    services: Services, alice: Principal, database: Database, bus: StatusBus, feed: Frames
) -> None:
    task = await start(services, alice)
    assert (await take(feed, 1))[0].data["state"] == "queued"
    writer = Writer(database, bus, await claim_one(database))
    await writer.write("a line")
    assert (await take(feed, 1))[0].data["state"] == "running"
    await writer.write("another line")
    other = await start(services, alice)
    assert (await take(feed, 1))[0].data["id"] == other.id
    await writer.write(progress=Progress(1, 2))
    assert (await take(feed, 1))[0].data["progress"]["current"] == 1
    await finish(database, writer.claim, DONE)
    bus.publish(task.id, task.owner)
    (end,) = await take(feed, 1)
    assert (end.data["state"], end.data["result"]) == ("succeeded", {"n": 1})


async def test_a_deleted_task_makes_the_reader_read_again(
    services: Services, alice: Principal, feed: Frames
) -> None:
    gone, kept = [
        (await services.intake.create(alice, CreateTask(command="echo"))).task for _ in range(2)
    ]
    await services.tasks.delete(alice, gone.id, None)
    told, end = await take(feed, 2)
    assert (told.data["id"], end) == (kept.id, RESYNC)


async def test_a_reader_that_does_not_keep_up_is_told_to_read_again(
    services: Services, alice: Principal, bus: StatusBus, feed: Frames
) -> None:
    task = await start(services, alice)
    for number in range(10 * MOST_CHANGED):  # nobody waits for the reader, and none is kept for it
        bus.publish(f"tsk_{number}", task.owner)
    assert await take(feed, 1) == [RESYNC]
    await services.tasks.update(alice, task.id, UpdateTask(title="new"), None)
    assert (await take(feed, 1))[0].data["id"] == task.id


async def test_what_a_reader_knows_is_bounded(
    services: Services, alice: Principal, bus: StatusBus, feed: Frames
) -> None:
    first = await start(services, alice)
    await take(feed, 1)
    for _ in range(MOST_CHANGED):
        await start(services, alice)
        await take(feed, 1)
    bus.publish(first.id, first.owner)  # forgotten by now, so told once more
    assert (await take(feed, 1))[0].data["id"] == first.id


async def test_streams_end_when_the_database_does_not_answer(
    services: Services, alice: Principal, cut: Cut, feed: Frames
) -> None:
    task = await start(services, alice)
    frames = await services.live.task(alice, task.id, ReadEvents())
    await take(frames, 2)
    await take(feed, 1)
    await cut()
    services.live.bus.publish(task.id, task.owner)
    assert await rest(frames) == []
    assert await rest(feed) == []


async def test_nothing_is_left_of_a_reader_that_has_gone(
    services: Services, alice: Principal, bus: StatusBus
) -> None:
    task = await start(services, alice)
    streams = [await services.live.task(alice, task.id, ReadEvents()), services.live.tasks(alice)]
    for frames in streams:
        await take(frames, 1)
        await frames.aclose()
    assert not bus._subscribers
