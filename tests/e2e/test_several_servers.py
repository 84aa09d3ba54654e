"""Two servers on one PostgreSQL: what happens on one is heard on the other, with Redis or without."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.event_stream import following
from support.postgres import Postgres
from support.rest_client import RestClient, calling
from support.server import Server, serving, shell
from support.valkey import Valkey
from support.waiting import until

COMMANDS = (shell("quick", "echo hello"), shell("long", "sleep 300"))
SLOW_BEATS = {"lease_s": "3000"}  # nobody hears of a cancel by the heartbeat


def figures(server: Server) -> dict[str, float]:
    """The gauges of the bus and the cache."""
    text = httpx2.get(f"{server.url}/metrics", trust_env=False).text
    return {
        sample.name.removeprefix("errandry_status_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("errandry_status_")
    }


@pytest.fixture(params=["notify", "redis"])
def pair(
    request: pytest.FixtureRequest, postgresql: Postgres, empty_database: str
) -> Iterator[tuple[RestClient, RestClient]]:
    """One principal at each of two servers that hear each other."""
    settings = SLOW_BEATS | {
        "database_url": postgresql.url(postgresql.new_database(empty_database))
    }
    if request.param == "redis":
        redis: Valkey = request.getfixturevalue("redis")
        settings["redis_url"] = redis.url
    sub = f"sub-{uuid.uuid4().hex}"
    with ExitStack() as stack:
        # The second one runs nothing: what happens to a task is news from the first.
        servers = [
            stack.enter_context(serving(*COMMANDS, **settings | more))
            for more in ({}, {"concurrency": "0"})
        ]
        wanted = {"bus_up": 1} | ({"cache_up": 1} if "redis_url" in settings else {})
        for server in servers:
            until(lambda: figures(server) == wanted, "servers that hear each other")  # noqa: B023
        here, there = (stack.enter_context(calling(server, sub)) for server in servers)
        yield here, there


async def test_a_stream_tells_of_tasks_of_the_other_server(
    pair: tuple[RestClient, RestClient],
) -> None:
    here, there = pair
    async with following(there, "/events") as stream:
        await stream.until("resync")
        task = here.start("quick")
        await stream.until("task", id=task["id"], state="succeeded")


def test_a_cancel_is_heard_where_the_task_runs(pair: tuple[RestClient, RestClient]) -> None:
    here, there = pair
    task = here.start("long")
    here.wait(task["id"], "running")
    answer = there.http.post(f"/tasks/{task['id']}/cancel")
    assert answer.status_code == 202
    assert there.wait(task["id"])["state"] == "cancelled"


def source(client: RestClient, reference: str) -> tuple[str, int]:
    """Where a status comes from, and its revision."""
    answer = client.http.get(f"/tasks/{reference}/status")
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'
    return answer.headers["x-errandry-status-source"], answer.json()["revision"]


@pytest.mark.parametrize("pair", ["redis"], indirect=True)
def test_a_change_on_one_server_is_the_status_on_the_other(
    pair: tuple[RestClient, RestClient], redis: Valkey
) -> None:
    here, there = pair
    task = here.create("quick")
    for number in range(5):
        changed = here.http.put(f"/tasks/{task['id']}", json={"title": f"t{number}"}).json()
        assert source(there, task["id"])[1] == changed["task"]["revision"]
    until(lambda: source(there, task["id"])[0] == "cache", "a status from the cache")
    with redis.stopped():
        ended = there.http.post(f"/tasks/{task['id']}/cancel").json()["task"]
        for client in pair:
            assert source(client, task["id"]) == ("database", ended["revision"])


def test_a_file_may_have_a_cache_too_and_lose_it(redis: Valkey) -> None:
    with serving(*COMMANDS, redis_url=redis.url) as server, calling(server) as client:
        until(lambda: figures(server) == {"bus_up": 1, "cache_up": 1}, "a cache")
        task = client.start("quick")
        client.wait(task["id"])
        until(lambda: source(client, task["id"])[0] == "cache", "a status from the cache")
        with redis.stopped():
            assert source(client, task["id"])[0] == "database"
            until(lambda: figures(server) == {"bus_up": 0, "cache_up": 0}, "no cache")
            assert server.readiness() == 200
            assert client.wait(client.start("quick")["id"])["state"] == "succeeded"
        until(lambda: figures(server) == {"bus_up": 1, "cache_up": 1}, "a cache again")
        with redis.paused():
            assert client.wait(client.start("quick")["id"])["state"] == "succeeded"
            assert server.readiness() == 200
        until(lambda: figures(server)["cache_up"], "a cache once more")


def test_alone_on_a_file_there_is_nothing_to_be_up() -> None:
    with serving() as server:
        assert figures(server) == {}
