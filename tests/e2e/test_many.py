"""Several processes on one PostgreSQL database: a server that runs nothing, and two workers."""

import signal
from collections.abc import Iterator

import pytest

from e2e.commands import GATED
from errandry.cli.exits import Exit
from support.cluster import Cluster, cluster
from support.postgres import Postgres
from support.rest_client import RestClient, calling
from support.server import result, shell
from support.waiting import marked, until, until_gone

COMMANDS = (
    shell("say", "echo $1", "a"),
    shell("nap", "sleep $1", "a", on_crash="retry"),
    shell("held", GATED, "a", on_crash="retry"),
    shell("alone", "echo + >> $1; sleep 0.2; echo - >> $1", "a", concurrency={"key": "alone"}),
)


@pytest.fixture(scope="module")
def many(postgresql: Postgres, empty_database: str) -> Iterator[Cluster]:
    url = postgresql.url(postgresql.new_database(empty_database))
    with cluster(url, *COMMANDS, concurrency="2", lease_s="4", drain_s="3000") as made:
        yield made


@pytest.fixture
def client(many: Cluster) -> Iterator[RestClient]:
    with calling(many.api) as client:
        yield client


def test_every_worker_takes_its_share(many: Cluster, client: RestClient) -> None:
    gate = many.api.path("gate")
    tasks = [client.start("held", str(gate)) for _ in range(4)]
    until(lambda: all(marked(task["id"]) for task in tasks), "all at work")
    gate.touch()
    done = [client.wait(task["id"]) for task in tasks]
    assert {task["state"] for task in done} == {"succeeded"}
    by_worker = [task["attempts"][0]["worker"] for task in done]
    assert sorted(by_worker.count(each) for each in set(by_worker)) == [2, 2]


def test_a_worker_needs_no_command_files_and_its_log_is_read_from_the_server(
    client: RestClient,
) -> None:
    task = client.start("say", "hello from afar")
    assert client.wait(task["id"])["result"]["output"] == "hello from afar\n"
    assert client.log(task["id"])["text"] == "hello from afar\n"


def test_a_cancel_ends_the_tree_on_the_machine_of_the_worker(client: RestClient) -> None:
    task = client.start("nap", "1000")
    until(lambda: marked(task["id"]), "a program")
    client.http.post(f"/tasks/{task['id']}/cancel")
    assert client.wait(task["id"])["state"] == "cancelled"
    until_gone(task["id"])


def test_a_concurrency_key_holds_for_all_workers(many: Cluster, client: RestClient) -> None:
    marks = many.api.path("marks")
    tasks = [client.start("alone", str(marks)) for _ in range(6)]
    for task in tasks:
        assert client.wait(task["id"])["state"] == "succeeded"
    assert marks.read_text().split() == ["+", "-"] * 6


def test_a_worker_that_is_told_to_stop_finishes_what_it_runs(
    many: Cluster, client: RestClient
) -> None:
    worker, gate = many.hire(), many.api.path("gate")
    tasks = [client.start("held", str(gate)) for _ in range(6)]
    until(lambda: all(marked(task["id"]) for task in tasks), "all at work")
    worker.signal(signal.SIGTERM)
    gate.touch()
    assert worker.ended() == 0
    for task in tasks:
        done = client.wait(task["id"])
        assert (done["state"], done["attempt"]) == ("succeeded", 1)


def test_a_worker_that_is_told_twice_does_not_wait_and_another_takes_over(
    many: Cluster, client: RestClient
) -> None:
    others = many.workers[:2]
    for worker in others:
        worker.stop()
    try:
        last, gate = many.hire(), many.api.path("gate")
        task = client.start("held", str(gate))
        until(lambda: marked(task["id"]), "a program")
        assert last.stop() == 0
    finally:
        for worker in others:
            worker.start()
    gate.touch()
    done = client.wait(task["id"])
    assert [attempt["outcome"] for attempt in done["attempts"]] == ["lost", "succeeded"]


def test_the_server_runs_none_itself(many: Cluster, client: RestClient) -> None:
    gate = many.api.path("gate")
    task = client.start("held", str(gate))
    until(lambda: marked(task["id"]), "a program")
    assert "errandry_attempts_running 0.0" in client.http.get("/metrics").text
    gate.touch()
    assert client.wait(task["id"])["state"] == "succeeded"


@pytest.mark.parametrize(
    ("verb", "settings", "status", "words"),
    [
        ("worker", {"database_url": ""}, Exit.USAGE, "needs PostgreSQL"),
        ("worker", {"concurrency": "0"}, Exit.USAGE, "nothing to do"),
        ("worker", {"data_dir": "of the server"}, Exit.CONFLICT, "already runs"),
        ("worker", {"data_dir": "of a worker"}, Exit.CONFLICT, "A worker holds the data folder"),
        ("serve", {"data_dir": "of a worker"}, Exit.CONFLICT, "A worker holds the data folder"),
        ("worker", {"database_url": "empty"}, Exit.NO_SERVER, "run `errandry db upgrade`"),
        ("worker", {"data_dir": "/proc/none"}, Exit.NO_SERVER, "cannot"),
        ("serve", {"database_url": "", "concurrency": "0"}, Exit.USAGE, "CONCURRENCY 0"),
    ],
)
def test_what_cannot_work_is_refused(
    many: Cluster,
    postgresql: Postgres,
    verb: str,
    settings: dict[str, str],
    status: Exit,
    words: str,
) -> None:
    meant = {
        "of the server": str(many.api.data),
        "of a worker": str(many.workers[0].data),
        "empty": postgresql.url(postgresql.new_database()),
    }
    wanted = {name: meant.get(value, value) for name, value in settings.items()}
    own = {"data_dir": str(many.api.path("data"))}
    code, _, error = result(many.workers[0].open(verb, **own | wanted))
    assert code == status
    assert words in error
    assert "Traceback" not in error
