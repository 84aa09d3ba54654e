"""A server killed again and again while a client hands it work: ledger, rows and marks must agree.

ERRANDRY_TEST_LONG=1 makes it long, ERRANDRY_TEST_SEED repeats a run that failed.
"""

import os
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2

from chaos.marks import assert_no_overlap, read
from support.rest_client import FINAL, RestClient
from support.server import Document, Server
from support.waiting import LIMIT_S, until

KILLS, TASKS = (20, 400) if os.environ.get("ERRANDRY_TEST_LONG") else (3, 40)
LONGEST = 50
"""Beats of a first attempt, of some 20 ms each."""

PATIENCE_S = LIMIT_S * (1 + TASKS // 40)


def requests_of(server: Server, chance: random.Random) -> list[Document]:
    """Return what is to be handed over."""
    return [
        {
            "command": chance.choice(["retried", "failed"]),
            "arguments": {"a": str(server.path("marks")), "b": str(chance.randint(1, LONGEST))},
            "priority": chance.randint(-1, 1),
            "delay_s": chance.choice([0, 0, 0, 0.5]),
            "execute": True,
        }
        for _ in range(TASKS)
    ]


@contextmanager
def handing_over(client: RestClient, requests: Sequence[Document]) -> Iterator[dict[str, Path]]:
    """Hand tasks over in a thread of its own; each is asked for until it has been accepted.

    Yields the ledger of the client: the ids it was given, and where each task leaves its marks.
    """
    ledger: dict[str, Path] = {}
    stop = threading.Event()

    def hand_over() -> None:
        for request in requests:
            key = {"Idempotency-Key": uuid.uuid4().hex}
            while not stop.is_set():
                try:
                    answer = client.http.post("/tasks", json=request, headers=key)
                except httpx2.TransportError:
                    stop.wait(0.05)
                    continue
                assert answer.status_code == 201, answer.text
                ledger[answer.json()["task"]["id"]] = Path(request["arguments"]["a"])
                break

    thread = threading.Thread(target=hand_over)
    thread.start()
    try:
        yield ledger
        until(lambda: not thread.is_alive(), "the end of the requests")
    finally:
        stop.set()
        thread.join()


def test_nothing_is_lost_and_nothing_runs_twice_at_once(server: Server, client: RestClient) -> None:
    seed = int(os.environ.get("ERRANDRY_TEST_SEED") or time.time_ns() % 10**9)
    print(f"seed {seed}: {KILLS} kills, {TASKS} tasks")
    chance = random.Random(seed)  # noqa: S311
    step = TASKS // (KILLS + 1)
    with handing_over(client, requests_of(server, chance)) as ledger:
        for number in range(1, KILLS + 1):
            wanted = number * step + chance.randint(-step // 2, step // 2)
            until(partial(has, ledger, wanted), "more tasks")
            until(lambda: runs_what_may_run_again(server, client), "a task that may run again")
            server.kill9()
            server.start()
    until(lambda: all_are_final(server, client), "the end of all tasks", PATIENCE_S)
    assert len(ledger) == TASKS
    known = server.rows("SELECT id FROM tasks WHERE owner_sub = ?", client.sub)
    assert {task_id for (task_id,) in known} == set(ledger)
    tasks = [client.task(task_id) for task_id in ledger]
    for task in tasks:
        assert_is_right(client, task, ledger[task["id"]])
    again = sum(task["attempt"] - 1 for task in tasks)
    print(
        f"{again} attempts ran again, {[t['state'] for t in tasks].count('failed')} were given up"
    )
    assert again > 0


def has(ledger: Mapping[str, Path], count: int) -> bool:
    return len(ledger) >= count


def runs_what_may_run_again(server: Server, client: RestClient) -> bool:
    query = (
        "SELECT 1 FROM tasks WHERE owner_sub = ? AND state = 'running' AND on_crash = 'retry'"
        " AND attempt = 1"
    )
    return bool(server.rows(query, client.sub))


def all_are_final(server: Server, client: RestClient) -> bool:
    states = server.rows("SELECT state FROM tasks WHERE owner_sub = ?", client.sub)
    return all(state in FINAL for (state,) in states)


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
