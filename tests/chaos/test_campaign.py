"""A server killed again and again while a client hands it work: ledger, rows and marks must agree.

ERRANDRY_TEST_LONG=1 makes it long, ERRANDRY_TEST_SEED repeats a run that failed.
"""

import os
import random
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from chaos.marks import COMMANDS, assert_no_overlap, read
from support.rest_client import FINAL, RestClient, calling
from support.server import Document, Server, serving, until

KILLS, TASKS = (20, 400) if os.environ.get("ERRANDRY_TEST_LONG") else (3, 40)
LEASE_S, SLOTS = "2", "4"
LONGEST = 60
"""Beats of a first attempt, of some 20 ms each."""


@dataclass
class Ledger:
    """What the server has accepted, as the client that asked for it remembers: ids by key."""

    accepted: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Path] = field(default_factory=dict)


@contextmanager
def handing_over(server: Server, client: RestClient, chance: random.Random) -> Iterator[Ledger]:
    """Hand tasks over in a thread of its own; each is asked for until it has been accepted."""
    ledger, stop = Ledger(), threading.Event()
    requests = [
        {
            "command": chance.choice(["retried", "failed"]),
            "arguments": {"a": str(server.path("marks")), "b": str(chance.randint(1, LONGEST))},
            "priority": chance.randint(-1, 1),
            "delay_s": chance.choice([0, 0, 0, 0.5]),
            "execute": True,
        }
        for _ in range(TASKS)
    ]

    def hand_over() -> None:
        for request in requests:
            key = uuid.uuid4().hex
            while not stop.is_set():
                try:
                    answer = client.http.post(
                        "/tasks", json=request, headers={"Idempotency-Key": key}
                    )
                except httpx2.TransportError:
                    stop.wait(0.05)
                    continue
                assert answer.status_code == 201, answer.text
                id_: str = answer.json()["task"]["id"]
                ledger.marks[id_] = Path(request["arguments"]["a"])  # type: ignore[index]
                ledger.accepted[key] = id_
                break

    thread = threading.Thread(target=hand_over)
    thread.start()
    try:
        yield ledger
        until(lambda: not thread.is_alive(), "the end of the requests")
    finally:
        stop.set()
        thread.join()


def test_nothing_is_lost_and_nothing_runs_twice_at_once() -> None:
    seed = int(os.environ.get("ERRANDRY_TEST_SEED") or random.randrange(10**9))
    print(f"seed {seed}: {KILLS} kills, {TASKS} tasks")
    chance = random.Random(seed)  # noqa: S311
    with (
        serving(*COMMANDS, lease_s=LEASE_S, concurrency=SLOTS) as server,
        calling(server) as client,
    ):
        with handing_over(server, client, chance) as ledger:
            for number in range(1, KILLS + 1):
                wanted = number * TASKS // (KILLS + 1) + chance.randint(-TASKS // 20, TASKS // 20)
                until(lambda wanted=wanted: len(ledger.accepted) >= wanted, "more tasks")  # type: ignore[misc]
                until(lambda: runs_a_retried_one(server), "a task that will run again")
                server.kill9()
                server.start()
        assert len(ledger.accepted) == TASKS
        until(lambda: all_are_final(server), "the end of all tasks")
        tasks = [client.task(task_id) for task_id in ledger.accepted.values()]
        known = {task_id for (task_id,) in server.rows("SELECT id FROM tasks")}
        assert known == set(ledger.accepted.values())
        for task in tasks:
            assert_is_right(client, task, ledger.marks[task["id"]])
        again = sum(task["attempt"] - 1 for task in tasks)
        lost = sum(task["state"] == "failed" for task in tasks)
        print(f"{again} attempts ran again, {lost} tasks were given up")
        assert again > 0


def runs_a_retried_one(server: Server) -> bool:
    query = "SELECT 1 FROM tasks WHERE state = 'running' AND on_crash = 'retry'"
    return bool(server.rows(query))


def all_are_final(server: Server) -> bool:
    return all(state in FINAL for (state,) in server.rows("SELECT state FROM tasks"))


def assert_is_right(client: RestClient, task: Document, marks: Path) -> None:
    """Check one task against its history and against what it has really done."""
    outcomes = [attempt["outcome"] for attempt in task["attempts"]]
    assert len(outcomes) == task["attempt"]
    if task["state"] == "succeeded":
        assert outcomes == ["lost"] * (len(outcomes) - 1) + ["succeeded"]
        assert "end" in read(marks)[task["attempt"]].events
    else:
        assert task["error"]["code"] == "attempt_lost"
        assert outcomes == ["lost"] * (1 if task["on_crash"] == "fail" else 3)
    assert set(read(marks)) <= set(range(1, task["attempt"] + 1))
    assert_no_overlap(marks)
    events = client.events(task["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events].count("finished") == 1
    assert events[-1]["type"] == "finished"
