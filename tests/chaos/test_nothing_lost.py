"""Whatever process dies: nothing is left of it, nothing runs twice at once, nothing is lost."""

import os
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chaos.marks import FOR_EVER, assert_no_overlap, keepers, read
from support.rest_client import RestClient
from support.server import Document, Server
from support.waiting import marked, until, until_gone


@dataclass(frozen=True)
class Running:
    """A task that is at work, and where it leaves its marks."""

    task: Document
    marks: Path

    @property
    def id(self) -> str:
        id_: str = self.task["id"]
        return id_

    def is_whole(self) -> bool:
        """Whether the program and its daemon are there and at least one has left a mark."""
        return len(marked(self.id)) >= 2 and bool(read(self.marks))


def at_work(server: Server, client: RestClient, command: str, count: int = 1) -> list[Running]:
    """Start tasks that do not end by themselves, and wait until all of each is alive."""
    files = [server.path("marks") for _ in range(count)]
    running = [Running(client.start(command, str(file), FOR_EVER), file) for file in files]
    for each in running:
        until(each.is_whole, "a program and its daemon")
    return running


def assert_ran_again(client: RestClient, running: Running) -> None:
    """Check that the first attempt was lost, the second succeeded, and the history says so."""
    done = client.wait(running.id)
    assert done["state"] == "succeeded"
    assert [attempt["outcome"] for attempt in done["attempts"]] == ["lost", "succeeded"]
    assert_no_overlap(running.marks)
    assert {n: "end" in seen.events for n, seen in read(running.marks).items()} == {
        1: False,
        2: True,
    }
    events = client.events(running.id)
    types = [event["type"] for event in events]
    assert [types.count(each) for each in ("attempt_started", "attempt_finished", "finished")] == [
        2,
        2,
        1,
    ]
    queued = [event["data"]["reason"] for event in events if event["type"] == "queued"]
    assert queued == ["execute", "lost"]


def assert_was_given_up(client: RestClient, running: Running) -> None:
    """Check that the only attempt was lost and nothing ran again."""
    done = client.wait(running.id)
    assert done["state"] == "failed"
    assert done["error"]["code"] == "attempt_lost"
    assert [attempt["outcome"] for attempt in done["attempts"]] == ["lost"]
    assert set(read(running.marks)) == {1}
    types = [event["type"] for event in client.events(running.id)]
    assert types.count("finished") == 1


def test_death_of_the_server(server: Server, client: RestClient) -> None:
    retried = at_work(server, client, "retried", 3)
    failed = at_work(server, client, "failed", 2)
    later = [client.start("retried", str(server.path()), "1", delay_s=1) for _ in range(3)]
    created = client.create("retried", {"a": str(server.path()), "b": "1"}, key="before the crash")
    server.kill9()
    until_gone(*(each.id for each in retried + failed))
    server.start()
    for each in retried:
        assert_ran_again(client, each)
    for each in failed:
        assert_was_given_up(client, each)
    for task in later:
        assert client.wait(task["id"])["state"] == "succeeded"
    assert client.task(created["id"])["state"] == "created"
    again = client.create("retried", created["arguments"], key="before the crash")
    assert again["id"] == created["id"]


def test_death_of_a_keeper(server: Server, client: RestClient) -> None:
    (retried,) = at_work(server, client, "retried")
    (failed,) = at_work(server, client, "failed")
    (other,) = at_work(server, client, "failed")
    for each in (retried, failed):
        (keeper,) = keepers(each.id)
        keeper.kill()
    assert_was_given_up(client, failed)
    assert_ran_again(client, retried)
    until_gone(retried.id, failed.id)
    assert client.task(other.id)["state"] == "running"
    client.http.post(f"/tasks/{other.id}/cancel")
    assert client.wait(other.id)["state"] == "cancelled"


def test_death_of_the_spawner(server: Server, client: RestClient) -> None:
    (running,) = at_work(server, client, "failed")
    (spawner,) = server.process.children()
    spawner.kill()
    started = [client.start("failed", str(server.path()), "5") for _ in range(12)]
    for task in started:
        assert client.wait(task["id"])["state"] == "succeeded"
    assert client.task(running.id)["state"] == "running"
    client.http.post(f"/tasks/{running.id}/cancel")
    assert client.wait(running.id)["state"] == "cancelled"
    until_gone(running.id)


def test_death_of_the_server_and_all_who_watch_over_its_tasks(
    server: Server, client: RestClient
) -> None:
    retried = at_work(server, client, "retried", 2)
    failed = at_work(server, client, "failed", 2)
    tasks = retried + failed
    watchers = {keeper for each in tasks for keeper in keepers(each.id)}
    everybody = [server.process, *server.process.children(), *watchers]
    for process in everybody:
        process.suspend()  # so that nobody acts on the death of another
    for process in everybody:
        process.kill()
    server.ended()
    assert all(marked(each.id) for each in tasks), "nobody was left to end them"
    server.start()
    for each in retried:
        assert_ran_again(client, each)
    for each in failed:
        assert_was_given_up(client, each)
    until_gone(*(each.id for each in tasks))


def test_a_server_that_stands_still_beyond_its_lease(server: Server, client: RestClient) -> None:
    (retried,) = at_work(server, client, "retried")
    (failed,) = at_work(server, client, "failed")
    server.signal(signal.SIGSTOP)
    try:
        leases = [lease_of(server, each) for each in (retried, failed)]
        until_gone(retried.id, failed.id)
        for each, lease in zip((retried, failed), leases, strict=True):
            assert read(each.marks)[1].last < lease
        states = server.rows(
            "SELECT DISTINCT state FROM tasks WHERE id IN (?, ?)", retried.id, failed.id
        )
        assert states == [("running",)]
    finally:
        server.signal(signal.SIGCONT)
    assert_was_given_up(client, failed)
    assert_ran_again(client, retried)


def lease_of(server: Server, running: Running) -> float:
    """Until when (seconds since 1970) nobody else may take a task over."""
    ((until_when,),) = server.rows("SELECT lease_until FROM tasks WHERE id = ?", running.id)
    return datetime.fromisoformat(until_when).replace(tzinfo=UTC).timestamp()


def test_death_of_a_program(server: Server, client: RestClient) -> None:
    (running,) = at_work(server, client, "failed")
    (keeper,) = keepers(running.id)
    for pid in marked(running.id):
        os.kill(pid, signal.SIGKILL)
    done = client.wait(running.id)
    assert (done["error"]["code"], done["error"]["signal"]) == ("signal", "SIGKILL")
    assert keeper.is_running()
