"""Workers of one PostgreSQL that die, freeze and lose it: nothing is lost, nothing overlaps."""

import os
import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from chaos.ledger import all_are_final, assert_is_right, handing_over, has, requests_of
from chaos.marks import COMMANDS, read
from chaos.test_nothing_lost import Running, assert_ran_again, assert_was_given_up, at_work
from errandry.tasks.sql import migrate
from errandry.tasks.sql.location import Location
from support import postgres
from support.cluster import Cluster, WorkerProcess, cluster
from support.postgres import Postgres
from support.rest_client import RestClient, calling
from support.waiting import LIMIT_S, until, until_gone

LEASE_S = "4"
KILLS, TASKS = (30, 400) if os.environ.get("ERRANDRY_TEST_LONG") else (4, 60)


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """A PostgreSQL of our own: it is stopped here."""
    with postgres.running() as server:
        migrate.upgrade(Location.parse(server.url()))
        yield server


@pytest.fixture(scope="module")
def many(database: Postgres) -> Iterator[Cluster]:
    with cluster(database.url(), *COMMANDS, lease_s=LEASE_S, concurrency="4") as made:
        yield made


@pytest.fixture
def client(many: Cluster) -> Iterator[RestClient]:
    with calling(many.api) as client:
        yield client


def holder(many: Cluster, running: Running) -> WorkerProcess:
    """Return who runs a task."""
    ((name,),) = many.api.rows("SELECT worker FROM tasks WHERE id = ?", running.id)
    (worker,) = [each for each in many.workers if (each.data / "run" / name).exists()]
    return worker


def test_death_of_a_worker(many: Cluster, client: RestClient) -> None:
    retried = at_work(many.api, client, "retried", 2)
    failed = at_work(many.api, client, "failed", 2)
    for worker in {holder(many, each) for each in retried + failed}:
        worker.kill9()
        many.hire()
    until_gone(*(each.id for each in retried + failed))
    for each in retried:
        assert_ran_again(client, each)
    for each in failed:
        assert_was_given_up(client, each)


def test_a_worker_that_stands_still_beyond_its_lease_is_replaced_and_changes_nothing_when_it_wakes(
    many: Cluster, client: RestClient
) -> None:
    (retried,) = at_work(many.api, client, "retried")
    frozen = holder(many, retried)
    frozen.signal(signal.SIGSTOP)
    try:
        assert_ran_again(client, retried)
        before = client.task(retried.id)
    finally:
        frozen.signal(signal.SIGCONT)
    late = "an attempt ended late"
    until(lambda: late in frozen.log, "the end that came too late")
    assert client.task(retried.id) == before
    task = client.start("retried", str(many.api.path("marks")), "1")
    assert client.wait(task["id"])["state"] == "succeeded"


def test_an_immediate_restart_of_the_database(
    many: Cluster, client: RestClient, database: Postgres
) -> None:
    files = [many.api.path("marks") for _ in range(4)]
    tasks = [client.start("retried", str(file), "150") for file in files]
    until(lambda: all(read(file) for file in files), "all at work")
    database.stop()
    database.start()
    until(lambda: many.api.readiness() == 200, "a server that is ready again")
    for task, file in zip(tasks, files, strict=True):
        done = client.wait(task["id"])
        assert done["state"] == "succeeded"
        assert_is_right(client, done, file)
    task = client.start("retried", str(many.api.path("marks")), "1")
    assert client.wait(task["id"])["state"] == "succeeded"


def test_nothing_is_lost_and_nothing_runs_twice_at_once(
    many: Cluster, client: RestClient, database: Postgres
) -> None:
    seed = int(os.environ.get("ERRANDRY_TEST_SEED") or time.time_ns() % 10**9)
    print(f"seed {seed}: {KILLS} kills, {TASKS} tasks")
    chance = random.Random(seed)  # noqa: S311
    step = TASKS // (KILLS + 1)
    with handing_over(client, requests_of(many.api, chance, TASKS)) as ledger:
        for number in range(1, KILLS + 1):
            until(partial(has, ledger, number * step), "more tasks")
            (worker,) = until(partial(one_at_work, many, client, ledger), "a worker at work")
            worker.kill9()
            if number % 2:
                database.stop()
                database.start()
            many.hire()
    until(partial(all_are_final, many.api, client), "the end of all tasks", 2 * LIMIT_S)
    assert len(ledger) == TASKS
    known = many.api.rows("SELECT id FROM tasks WHERE owner_sub = ?", client.sub)
    assert {task_id for (task_id,) in known} == set(ledger)
    tasks = [client.task(task_id) for task_id in ledger]
    for task in tasks:
        assert_is_right(client, task, ledger[task["id"]])
    until_gone(*ledger)
    again = sum(task["attempt"] - 1 for task in tasks)
    lost = [task["state"] for task in tasks].count("failed")
    print(f"{again} attempts ran again, {lost} were given up")
    assert again + lost > 0


def one_at_work(many: Cluster, client: RestClient, ledger: dict[str, Path]) -> list[WorkerProcess]:
    """Return a living worker with a task that has left its first mark, if there is one."""
    query = "SELECT id, worker FROM tasks WHERE owner_sub = ? AND state = 'running'"
    for task_id, name in many.api.rows(query, client.sub):
        for worker in many.workers:
            if worker.lives and (worker.data / "run" / name).exists() and read(ledger[task_id]):
                return [worker]
    return []
