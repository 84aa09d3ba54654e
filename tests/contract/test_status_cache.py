"""Cached statuses: a contract with and without Redis, and what a Redis can do to them."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import pytest

from errandry.status.cache import CachedStatus, NoCache, StatusCache
from errandry.status.redis import cache as redis_cache
from errandry.status.redis.cache import RedisCache
from errandry.tasks import ids
from errandry.tasks.model import Owner
from support.valkey import Valkey
from support.waiting import LIMIT_S

ALICE: Final = Owner("test:issuer", "alice")
TASK: Final = ids.new_id()
KEY: Final = f"errandry:1:status:{TASK}"
GONE: Final = -2
"""What Redis says of the time that a key has left when it is not there."""


@pytest.fixture(autouse=True)
def _patience(patient_cache: None) -> None: ...


def known(revision: int, *, final: bool = False, age_s: float = 0, **more: Any) -> CachedStatus:
    status = {"task_id": TASK, "revision": revision, "final": final, **more}
    return CachedStatus(owner=ALICE, at_ms=int((time.time() - age_s) * 1000), status=status)


async def put(cache: StatusCache, kept: CachedStatus, took_s: float = 0) -> None:
    await cache.put(TASK, kept, time.monotonic() - took_s)


async def until_up(cache: StatusCache, *, up: bool = True) -> None:
    with anyio.fail_after(LIMIT_S):
        while cache.is_up is not up:
            await cache.get(TASK)
            await anyio.sleep(0.01)


@asynccontextmanager
async def running(*caches: StatusCache) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as group:
        for cache in caches:
            group.start_soon(cache.run)
            if cache.is_up is not None:
                await until_up(cache)
        yield
        group.cancel_scope.cancel()


@pytest.fixture
async def cache(redis: Valkey) -> AsyncGenerator[RedisCache]:
    made = RedisCache(redis.url)
    async with running(made):
        yield made


@pytest.fixture(params=["none", "redis"])
async def either(request: pytest.FixtureRequest, redis: Valkey) -> AsyncGenerator[StatusCache]:
    made = NoCache() if request.param == "none" else RedisCache(redis.url)
    async with running(made):
        yield made


# -- with and without


async def test_what_was_never_there_or_is_forgotten_is_not_known(either: StatusCache) -> None:
    assert await either.get(TASK) is None
    await put(either, known(1))
    await either.forget([TASK])
    assert await either.get(TASK) is None


async def test_all_that_was_put_can_be_forgotten(cache: RedisCache) -> None:
    await put(cache, known(1, final=True))
    assert await cache.get(TASK) is not None
    await cache.forget_all()
    await until_up(cache)
    assert await cache.get(TASK) is None


async def test_an_older_revision_is_never_shown_after_a_newer_one(either: StatusCache) -> None:
    await put(either, known(2))
    await put(either, known(1))
    found = await either.get(TASK)
    assert found is None or found.revision == 2


# -- Redis


async def test_another_process_sees_what_was_put(cache: RedisCache, redis: Valkey) -> None:
    other = RedisCache(redis.url)
    kept = known(1, last_line="ä")
    async with running(other):
        await put(cache, kept)  # the other one began an epoch, which is that of both
        assert await other.get(TASK) == kept


@pytest.mark.parametrize("second", [2, 3])
async def test_the_same_or_a_newer_revision_replaces(cache: RedisCache, second: int) -> None:
    await put(cache, known(2, last_line="a"))
    await put(cache, known(second, last_line="b"))
    found = await cache.get(TASK)
    assert found is not None
    assert found.status["last_line"] == "b"


async def test_a_final_status_lives_long_and_another_a_moment(
    cache: RedisCache, redis: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # with the patience of a real one
    with redis.client() as client:
        await put(cache, known(1))
        assert client.pttl(KEY) in (GONE, *range(1_001))
        await put(cache, known(2, final=True))
        assert client.pttl(KEY) in (GONE, *range(1_001, 60_001))


@pytest.mark.parametrize("age_s", [1_000, -1_000])
async def test_an_old_status_is_not_believed_unless_it_is_final(
    cache: RedisCache, age_s: float
) -> None:
    await put(cache, known(1, age_s=age_s))
    assert await cache.get(TASK) is None
    await put(cache, known(2, age_s=age_s, final=True))
    assert await cache.get(TASK) is not None


async def test_what_took_long_to_read_is_not_kept_and_nothing_older_is_left(
    cache: RedisCache,
) -> None:
    await put(cache, known(1, final=True))
    await put(cache, known(2, final=True), took_s=1_000)
    assert await cache.get(TASK) is None


async def test_a_reader_that_is_late_cannot_bring_back_what_was_forgotten(
    cache: RedisCache, redis: Valkey
) -> None:
    await cache.forget([TASK])
    await put(cache, known(1, final=True))
    assert await cache.get(TASK) is None
    with redis.client() as client:
        assert client.pttl(KEY) in (GONE, *range(1_001))


async def test_rubbish_is_not_believed_and_does_not_stay(cache: RedisCache, redis: Valkey) -> None:
    with redis.client() as client:
        epoch = client.get("errandry:1:epoch")
        assert isinstance(epoch, bytes)
        other = known(1).model_copy(update={"status": {"revision": 1, "final": True}})
        endless = known(1).model_copy(
            update={"at_ms": 1, "status": {"task_id": TASK, "revision": 1}}
        )
        for rubbish in (
            b"",
            b"\xff\x00\xfe",
            b"abcdef 1 {}",
            epoch,
            epoch + b" x {}",
            epoch + b" 1 [NaN]",
            epoch
            + b" 1 "
            + known(1, last_line="?").model_dump_json().replace("?", r"\ud800").encode(),
            epoch + b" 1 " + known(1, n="?").model_dump_json().replace('"?"', "NaN").encode(),
            epoch + b" 1 {}",
            epoch + b' 1 {"owner": {"iss": "a", "sub": "b"}, "at_ms": 1, "status": {}}',
            epoch + b" 7 " + known(1).model_dump_json().encode(),
            epoch + b" 1 " + other.model_dump_json().encode(),
            epoch + b" 1 " + endless.model_dump_json().encode(),
        ):
            client.set(KEY, rubbish)
            assert await cache.get(TASK) is None, rubbish
        client.delete(KEY)
        client.hset(KEY, "a", "b")
        assert await cache.get(TASK) is None
        await put(cache, known(8))
        assert await cache.get(TASK) is not None
    assert cache.is_up


@pytest.mark.parametrize("final", [True, False])
async def test_nothing_from_before_an_outage_is_believed(
    cache: RedisCache, redis: Valkey, final: bool
) -> None:
    other = RedisCache(redis.url)
    async with running(other):
        await put(other, known(1, final=final))
        with redis.paused():
            await put(cache, known(2, final=final))  # cannot be written
            assert cache.is_up is False
        await until_up(cache)
        found = await other.get(TASK)
        assert found is None or found.revision == 2


async def test_one_failure_is_enough_to_ask_no_more(cache: RedisCache, redis: Valkey) -> None:
    with redis.paused():
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(cache.get, TASK)
        assert cache.is_up is False
        with anyio.fail_after(LIMIT_S):  # as often as one likes
            for _ in range(10_000):
                await cache.get(TASK)
                await cache.forget([TASK])
                await put(cache, known(1))
    await until_up(cache)


async def test_a_redis_that_is_killed_comes_back(cache: RedisCache, redis: Valkey) -> None:
    await put(cache, known(1))
    with redis.stopped():
        await until_up(cache, up=False)
        assert await cache.get(TASK) is None
    await until_up(cache)
    await put(cache, known(2))
    assert await cache.get(TASK) is not None


async def test_a_redis_that_is_emptied_knows_nothing_and_learns(
    cache: RedisCache, redis: Valkey
) -> None:
    await put(cache, known(1))
    with redis.client() as client:
        client.script_flush()
    redis.empty()
    assert await cache.get(TASK) is None
    await put(cache, known(2))
    assert await cache.get(TASK) is not None
    assert cache.is_up


async def test_cut_connections_are_made_again(cache: RedisCache, redis: Valkey) -> None:
    await put(cache, known(1))
    redis.disconnect()
    await cache.get(TASK)
    await until_up(cache)
    await put(cache, known(2))
    assert await cache.get(TASK) is not None


async def test_an_epoch_that_is_rubbish_is_replaced(cache: RedisCache, redis: Valkey) -> None:
    with redis.client() as client:
        client.delete("errandry:1:epoch")
        client.hset("errandry:1:epoch", "a", "b")
        assert await cache.get(TASK) is None
        await put(cache, known(1))
        assert cache.is_up is False
        await until_up(cache)
        assert client.type("errandry:1:epoch") == b"string"


async def test_a_redis_that_is_not_there_is_no_end(
    redis: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", redis_cache.__name__)
    cache = RedisCache(redis.url)
    async with anyio.create_task_group() as group:
        with redis.stopped():
            group.start_soon(cache.run)
            assert await cache.get(TASK) is None
            await put(cache, known(1))
            with anyio.fail_after(LIMIT_S):
                while "does not answer" not in caplog.text:
                    await anyio.sleep(0.01)
        await until_up(cache)
        group.cancel_scope.cancel()
    assert cache.is_up is False
