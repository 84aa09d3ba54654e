"""The bus of two processes: one contract over memory, PostgreSQL and Redis, also when it breaks."""

import math
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import psycopg
import pytest

from errandry.status.bus import MOST_CHANGED, Changes, StatusBus
from errandry.status.opening import open_bus
from errandry.tasks.model import Owner
from errandry.tasks.sql.location import Location
from support.postgres import Postgres
from support.valkey import Valkey
from support.waiting import LIMIT_S

ALICE, BOB = Owner("test:issuer", "alice"), Owner("test:issuer", "bob")
FILE: Final = Location.parse("sqlite:////nowhere.db")


class Between:
    """What lies between two buses: how they are opened, and how it fails."""

    def __init__(self, open_one: Callable[[], StatusBus], cut: Callable[[], None]) -> None:
        self.open = open_one
        self.cut = cut


@pytest.fixture
def over_postgresql(postgresql: Postgres) -> Iterator[Between]:
    name = postgresql.new_database()
    options = "?connect_timeout=7&application_name=ours"  # what a URL may say, too
    location = Location.parse(postgresql.url(name) + options)
    yield Between(lambda: open_bus(location, None), lambda: postgresql.disconnect(name))
    postgresql.drop(name)


@pytest.fixture
def over_redis(redis: Valkey) -> Between:
    return Between(lambda: open_bus(FILE, redis.url), redis.disconnect)


@pytest.fixture(params=["over_postgresql", "over_redis"])
def between(request: pytest.FixtureRequest) -> Between:
    """Each of those that can fail."""
    found: Between = request.getfixturevalue(request.param)
    return found


@asynccontextmanager
async def running(*buses: StatusBus) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as group:
        for bus in buses:
            group.start_soon(bus.run)
        for bus in buses:
            await until_connected(bus)
        yield
        group.cancel_scope.cancel()


async def until_connected(bus: StatusBus, *, now: bool = True) -> None:
    with anyio.fail_after(LIMIT_S):
        while bus.is_connected is not None and bus.is_connected is not now:
            await anyio.sleep(0.01)


@pytest.fixture(params=["memory", "over_postgresql", "over_redis"])
async def pair(request: pytest.FixtureRequest) -> AsyncGenerator[tuple[StatusBus, StatusBus]]:
    """The buses of who publishes and who subscribes, which in one process are the same."""
    if request.param == "memory":
        bus = StatusBus()
        yield bus, bus
        return
    between: Between = request.getfixturevalue(request.param)
    here, there = between.open(), between.open()
    async with running(here, there):
        yield here, there


async def told(changes: Changes) -> list[str] | None:
    with anyio.fail_after(LIMIT_S):
        assert await changes.wait(math.inf)
    return changes.take()


async def all_told(changes: Changes, count: int) -> set[str]:
    found: set[str] = set()
    while len(found) < count:
        found |= set(await told(changes) or ())
    return found


async def test_who_waits_for_a_task_is_woken(pair: tuple[StatusBus, StatusBus]) -> None:
    here, there = pair
    with there.subscribe(["tsk_1"]) as subscription, there.subscribe(["tsk_2"]) as other:
        here.publish("tsk_1", ALICE)
        with anyio.fail_after(LIMIT_S):
            assert await subscription.wait(math.inf)
        assert not await other.wait(0)


async def test_an_owner_hears_of_its_own_tasks_and_an_admin_of_all(
    pair: tuple[StatusBus, StatusBus],
) -> None:
    here, there = pair
    with there.changes(BOB) as own, there.changes(None) as every:
        here.publish("tsk_1", ALICE)
        here.publish("tsk_2", BOB)
        assert await all_told(every, 2) == {"tsk_1", "tsk_2"}
        assert await told(own) == ["tsk_2"]


async def test_many_changes_at_once_all_arrive(pair: tuple[StatusBus, StatusBus]) -> None:
    here, there = pair
    owner = Owner("test:issuer", "ä" * 255)
    with there.changes(None) as changes:
        for number in range(MOST_CHANGED):
            here.publish(f"tsk_{number}", owner)
        assert len(await all_told(changes, MOST_CHANGED)) == MOST_CHANGED


async def test_more_changes_than_can_be_carried_become_one_word(
    pair: tuple[StatusBus, StatusBus],
) -> None:
    here, there = pair
    with there.changes(None) as changes:
        for number in range(5_000):
            here.publish(f"tsk_{number}", ALICE)
        assert await told(changes) is None


async def test_a_change_of_an_owner_too_long_to_be_told_is_told_as_any(between: Between) -> None:
    here, there = between.open(), between.open()
    async with running(here, there):
        with there.changes(BOB) as changes:
            here.publish("tsk_1", Owner("test:" + "i" * 9_000, "alice"))
            assert await told(changes) is None


async def test_after_a_cut_everybody_looks_again_and_hears_again(between: Between) -> None:
    here, there = between.open(), between.open()
    async with running(here, there):
        with there.changes(ALICE) as changes:
            between.cut()
            await until_connected(there, now=False)
            here.publish("tsk_1", ALICE)
            assert await told(changes) is None
            await until_connected(there)
            await until_connected(here)
            with anyio.fail_after(LIMIT_S):
                while await told(changes) != ["tsk_2"]:
                    here.publish("tsk_2", ALICE)


async def test_a_server_that_comes_later_is_found(redis: Valkey) -> None:
    bus = open_bus(FILE, redis.url)
    with bus.changes(None) as changes:
        async with anyio.create_task_group() as group:
            with redis.stopped():
                group.start_soon(bus.run)
                assert await told(changes) is None
                bus.publish("tsk_1", ALICE)
                assert bus.is_connected is False
            await until_connected(bus)
            group.cancel_scope.cancel()


async def test_what_is_no_notice_is_ignored(over_redis: Between, redis: Valkey) -> None:
    bus = over_redis.open()
    async with running(bus):
        with bus.changes(None) as changes, redis.client() as client:
            changes.take()
            await changes.wait(0)
            for rubbish in (
                b"\xff\x00",
                b"",
                b"[]",
                b'{"sender": 1}',
                b'{"sender":"x","changes":[1]}',
            ):
                client.publish("errandry:1:changes:0", rubbish)
            client.publish(
                "errandry:1:changes:0", '{"sender":"x","changes":[["tsk_1","test:issuer","bob"]]}'
            )
            assert await told(changes) == ["tsk_1"]


async def test_without_others_there_is_nothing_to_run() -> None:
    bus = open_bus(FILE, None)
    with anyio.fail_after(LIMIT_S):
        await bus.run()
    assert (bus.is_connected, bus.cache.is_up) == (None, None)


async def test_a_database_that_is_not_there_is_no_end(postgresql: Postgres) -> None:
    bus = open_bus(Location.parse(postgresql.url("nowhere")), None)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgresql.url("nowhere"))
    with bus.changes(None) as changes:
        async with anyio.create_task_group() as group:
            group.start_soon(bus.run)
            for _ in range(2):
                assert await told(changes) is None
            group.cancel_scope.cancel()
