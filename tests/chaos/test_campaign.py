"""A server killed again and again while a client hands it work: ledger, rows and marks must agree.

ERRANDRY_TEST_LONG=1 makes it long, ERRANDRY_TEST_SEED repeats a run that failed.
"""

import os
import random
import time
from functools import partial

from chaos.ledger import all_are_final, assert_is_right, handing_over, has, requests_of
from support.rest_client import RestClient
from support.server import Server
from support.waiting import LIMIT_S, until

KILLS, TASKS = (20, 400) if os.environ.get("ERRANDRY_TEST_LONG") else (3, 40)
PATIENCE_S = LIMIT_S * (1 + TASKS // 40)


def test_nothing_is_lost_and_nothing_runs_twice_at_once(server: Server, client: RestClient) -> None:
    seed = int(os.environ.get("ERRANDRY_TEST_SEED") or time.time_ns() % 10**9)
    print(f"seed {seed}: {KILLS} kills, {TASKS} tasks")
    chance = random.Random(seed)  # noqa: S311
    step = TASKS // (KILLS + 1)
    with handing_over(client, requests_of(server, chance, TASKS)) as ledger:
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


def runs_what_may_run_again(server: Server, client: RestClient) -> bool:
    query = (
        "SELECT 1 FROM tasks WHERE owner_sub = ? AND state = 'running' AND on_crash = 'retry'"
        " AND attempt = 1"
    )
    return bool(server.rows(query, client.sub))
