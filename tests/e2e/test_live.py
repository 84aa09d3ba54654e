"""Live streams of a real server: resumed, slow, many, and how they end."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import anyio
import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.commands import GATED
from support.event_stream import EventStream, following, numbers
from support.rest_client import RestClient, calling, problem
from support.server import Server, serving, shell
from support.tokens import local_token
from support.waiting import LIMIT_S, until

pytestmark = pytest.mark.both_databases

STREAM = {"Accept": "text/event-stream"}
FLOOD = 'while [ ! -e "$1" ]; do seq 1 2000; done'


async def test_a_task_is_followed_from_its_start_to_its_end(
    client: RestClient, server: Server
) -> None:
    gate = server.path("gate")
    task = client.start("stepped", str(gate))
    async with following(client, f"/tasks/{task['alias']}/events", logs=True) as stream:
        seen = await stream.until("progress", progress=PART)
        gate.touch()
        seen += await stream.rest()
    assert [sent.data for sent in seen if sent.id] == client.events(task["id"])
    assert seen[-1].event == "finished"
    assert numbers(seen) == [1, 2, 3, 4, 5]
    status = seen[[sent.event for sent in seen].index("progress")].data
    assert status.keys() == client.http.get(f"/tasks/{task['id']}/status").json().keys()


PART = {"current": 1, "total": 2, "message": "half way"}


async def test_the_log_comes_as_it_is_written(client: RestClient, server: Server) -> None:
    gate = server.path("gate")
    task = client.start("gated", str(gate))
    async with following(client, f"/tasks/{task['id']}/events", logs=True) as stream:
        (*_, first) = await stream.until("log")
        assert first.data == first.data | {"attempt": 1, "stream": "stdout", "text": "begun\n"}
        gate.touch()
        (second,) = [sent for sent in await stream.rest() if sent.event == "log"]
    assert second.data["text"] == "ended\n"
    behind = client.log(task["id"], mode="since", cursor=first.data["cursor"])
    assert behind["text"] == "ended\n"


@pytest.mark.parametrize("by", ["header", "query", "both"])
async def test_a_broken_stream_goes_on_without_gap_or_double(
    client: RestClient, server: Server, by: str
) -> None:
    gate = server.path("gate")
    task = client.start("gated", str(gate))
    path = f"/tasks/{task['id']}/events"
    async with following(client, path) as stream:
        first = await stream.until("attempt_started")
    last = numbers(first)[-1]
    query = {} if by == "header" else {"after": last if by == "query" else 0}
    async with following(client, path, None if by == "query" else last, **query) as stream:
        gate.touch()
        second = await stream.rest()
    assert numbers(first) + numbers(second) == [1, 2, 3, 4, 5]


def test_the_history_as_json_begins_after_a_number_too(client: RestClient) -> None:
    task = client.create("echo", {"a": "x"})
    path = f"/tasks/{task['id']}/events"
    client.http.put(f"/tasks/{task['id']}", json={"title": "new"})
    for query, expected in (({"after": 1}, [2]), ({"after": 2}, []), ({}, [1, 2])):
        found = client.http.get(path, params=query).json()["events"]
        assert [event["seq"] for event in found] == expected


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "9" * 20, "9" * 5000])
def test_what_is_no_number_of_an_event_is_refused(client: RestClient, number: str) -> None:
    path = f"/tasks/{client.create('echo', {'a': 'x'})['id']}/events"
    answer = client.http.get(path, headers={**STREAM, "Last-Event-ID": number})
    assert problem(answer, 422, "invalid_request")["errors"][0]["path"] == "Last-Event-ID"
    answer = client.http.get(path, headers=STREAM, params={"after": number})
    assert problem(answer, 422, "invalid_request")["errors"][0]["path"] == "?after"


def test_a_stream_of_somebody_elses_task_is_404(client: RestClient, agent: RestClient) -> None:
    task = client.create("echo", {"a": "x"})
    for reference in (task["id"], "tsk_" + "0" * 32):
        answer = agent.http.get(f"/tasks/{reference}/events", headers=STREAM)
        problem(answer, 404, "task_not_found")


def test_a_stream_comes_in_no_other_form(client: RestClient) -> None:
    answer = client.http.get("/events", headers={"Accept": "application/json"})
    problem(answer, 406, "not_acceptable")


async def test_all_tasks_of_a_caller_are_told_and_no_others(
    client: RestClient, agent: RestClient
) -> None:
    async with following(client, "/events") as stream:
        (first,) = await stream.until("resync")
        assert first.data == {}
        foreign = agent.start("echo", "foreign")
        mine = client.start("echo", "mine")
        agent.wait(foreign["id"])
        seen = await stream.until("task", id=mine["id"], state="succeeded")
    assert {sent.data["id"] for sent in seen} == {mine["id"]}
    assert {sent.id for sent in seen} == {None}
    assert seen[-1].data["result"]["output"] == "mine\n"


# -- what a stream costs, and how it ends


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that no other test talks to."""
    commands = (shell("gated", GATED, "a"), shell("flood", FLOOD, "a"), shell("quick", "true"))
    with serving(*commands, drain_s="60") as server:
        yield server


@pytest.fixture
def mine(own: Server) -> Iterator[RestClient]:
    with calling(own) as client:
        yield client


def metric(server: Server, name: str, **labels: str) -> float:
    """The value of a metric, 0 when it is not there yet."""
    text = httpx2.get(f"{server.url}/metrics", trust_env=False).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"errandry_{name}" and labels.items() <= sample.labels.items()
    )


@contextmanager
def deaf_reader(server: Server, client: RestClient, path: str) -> Iterator[socket.socket]:
    """Ask for a stream and never read it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        token = client.http.headers["authorization"]
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
        connection.sendall(f"{request}Authorization: {token}\r\n\r\n".encode())
        yield connection


async def test_a_reader_that_never_reads_holds_up_nobody_and_costs_no_memory(
    own: Server, mine: RestClient
) -> None:
    gate = own.path("gate")
    flood = mine.start("flood", str(gate))
    path = f"/tasks/{flood['id']}/events?logs=true"
    with deaf_reader(own, mine, path), deaf_reader(own, mine, "/events"):
        until(lambda: metric(own, "streams_open") == 2, "both streams")
        written = 4_000_000
        until(lambda: mine.log(flood["id"], lines=1)["total_bytes"] > written, "much output")
        before = own.process.memory_info().rss
        until(lambda: mine.log(flood["id"], lines=1)["total_bytes"] > 5 * written, "much more")
        for _ in range(20):
            mine.wait(mine.start("quick")["id"])
        grown = own.process.memory_info().rss - before
        assert grown < 4 * written, f"the server has grown by {grown:,} bytes"
        async with following(mine, path.partition("?")[0]) as stream:
            await stream.until("attempt_started")
            gate.touch()
            assert (await stream.rest())[-1].event == "finished"
    until(lambda: metric(own, "streams_open") == 0, "the end of the streams of who has gone")


async def test_two_hundred_streams_see_the_same_end(own: Server, mine: RestClient) -> None:
    gate = own.path("gate")
    task = mine.wait(mine.start("gated", str(gate))["id"], "running")
    ends: list[list[int]] = []

    async def follow(stream: EventStream) -> None:
        ends.append(numbers(await stream.rest()))

    async with AsyncExitStack() as stack:
        path = f"/tasks/{task['id']}/events"
        streams = [await stack.enter_async_context(following(mine, path)) for _ in range(200)]
        until(lambda: metric(own, "streams_open") == len(streams), "200 open streams")
        gate.touch()
        async with anyio.create_task_group() as group:
            for stream in streams:
                group.start_soon(follow, stream)
    assert ends == [[1, 2, 3, 4, 5]] * 200
    until(lambda: metric(own, "streams_open") == 0, "no open stream")


async def test_a_stream_ends_with_its_token(server: Server, client: RestClient) -> None:
    task = client.create("echo", {"a": "x"})
    secret = (server.data / "local.secret").read_bytes().strip()
    now = int(time.time())
    token = local_token(
        secret, "urn:errandry:local", sub=client.sub, iat=now, exp=now + 3, scope="tasks:read"
    )
    client.http.headers["Authorization"] = f"Bearer {token}"
    for path in ("/events", f"/tasks/{task['id']}/events"):
        async with following(client, path) as stream:
            await stream.rest()  # which has to come to its end
    assert time.time() >= now + 3


async def test_streams_end_when_the_server_drains_and_go_on_after_its_start(
    own: Server, mine: RestClient
) -> None:
    gate = own.path("gate")
    task = mine.wait(mine.start("gated", str(gate))["id"], "running")
    path = f"/tasks/{task['id']}/events"
    async with following(mine, path) as stream, following(mine, "/events") as feed:
        first = await stream.until("attempt_started")
        await feed.until("resync")
        own.signal(signal.SIGTERM)
        assert numbers(await stream.rest()) == []
        await feed.rest()
    problem(mine.http.get(path, headers=STREAM), 503, "unavailable")
    problem(mine.http.get("/events", headers=STREAM), 503, "unavailable")
    gate.touch()
    assert own.ended() == 0
    assert "Traceback" not in own.log
    own.start()
    async with following(mine, path, numbers(first)[-1]) as stream:
        assert numbers(first) + numbers(await stream.rest()) == [1, 2, 3, 4, 5]


# -- metrics


def test_metrics_say_what_the_server_has_done(own: Server, mine: RestClient) -> None:
    mine.wait(mine.create("quick", key="once", execute=True)["id"])
    mine.create("quick", key="once", execute=True)
    assert mine.http.post("/tasks", json={"command": "nobody"}).status_code == 404
    gate = own.path("gate")
    held = mine.wait(mine.start("gated", str(gate))["id"], "running")
    assert metric(own, "accepts_total", outcome="created") == 2
    assert metric(own, "accepts_total", outcome="replayed") == 1
    assert metric(own, "accepts_total", outcome="command_not_found") == 1
    assert metric(own, "attempts_total", outcome="succeeded") == 1
    assert metric(own, "attempts_running") == 1
    assert metric(own, "queue_depth") == metric(own, "queue_oldest_due_seconds") == 0
    name = "http_request_duration_seconds_count"
    assert metric(own, name, method="POST", route="/tasks", status="201") == 3
    assert metric(own, name, method="POST", route="/tasks", status="404") == 1
    assert metric(own, name, method="GET", route="/tasks/{task_id}") >= 2
    gate.touch()
    mine.wait(held["id"])


def test_what_waits_for_a_slot_is_told_with_its_age() -> None:
    with serving(shell("gated", GATED, "a"), concurrency="1") as server, calling(server) as client:
        gate = server.path("gate")
        tasks = [client.start("gated", str(gate)) for _ in range(3)]
        until(lambda: metric(server, "queue_depth") == 2, "two that wait")
        until(lambda: metric(server, "queue_oldest_due_seconds") > 0, "the age of the first")
        gate.touch()
        for task in tasks:
            client.wait(task["id"])
        until(lambda: metric(server, "attempts_total", outcome="succeeded") == 3, "three ends")


def test_metrics_are_for_this_machine_and_for_admins(
    client: RestClient, admin: RestClient, server: Server
) -> None:
    elsewhere = {"X-Forwarded-For": "192.0.2.7"}
    answer = httpx2.get(f"{server.url}/metrics", headers=elsewhere, trust_env=False)
    problem(answer, 401, "not_authenticated")
    refused = problem(client.http.get("/metrics", headers=elsewhere), 403, "not_permitted")
    assert refused["required_scopes"] == ["admin"]
    answer = admin.http.get("/metrics", headers=elsewhere)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
