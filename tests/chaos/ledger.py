"""What a client hands over while things die, and whether what became of it is right."""

import random
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from chaos.marks import assert_no_overlap, read
from support.rest_client import FINAL, RestClient
from support.server import Document, Server
from support.waiting import until

LONGEST = 50
"""Beats of a first attempt, of some 20 ms each."""


def requests_of(server: Server, chance: random.Random, count: int) -> list[Document]:
    """Return what is to be handed over."""
    return [
        {
            "command": chance.choice(["retried", "failed"]),
            "arguments": {"a": str(server.path("marks")), "b": str(chance.randint(1, LONGEST))},
            "priority": chance.randint(-1, 1),
            "delay_s": chance.choice([0, 0, 0, 0.5]),
            "execute": True,
        }
        for _ in range(count)
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
                if answer.status_code == 503:
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


def has(ledger: Mapping[str, Path], count: int) -> bool:
    return len(ledger) >= count


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
