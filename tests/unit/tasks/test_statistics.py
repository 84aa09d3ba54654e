from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from errandry.commands.stats import Stats
from errandry.tasks.model import Owner, State, Task
from errandry.tasks.statistics import Run, poll_after_ms, poll_interval_ms, summary

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
TASK = Task(
    id="tsk_0",
    alias="c-1",
    command="c",
    command_digest="",
    arguments={},
    title=None,
    labels={},
    priority=0,
    idempotency_key=None,
    state=State.QUEUED,
    revision=1,
    cancel_requested=False,
    progress=None,
    queue_position=1,
    waits_for=None,
    waits_for_others=None,
    attempt=0,
    max_attempts=1,
    on_crash="fail",
    result=None,
    error=None,
    input_requests=None,
    approval=None,
    retry_of=None,
    owner=Owner("i", "s"),
    created_at=NOW,
    updated_at=NOW,
    run_at=None,
    queued_at=NOW,
    started_at=None,
    finished_at=None,
    expires_at=None,
    expires_in_s=None,
    last_line=None,
    keep_s=None,
    questions={},
)


def test_a_command_that_never_ran_has_no_numbers() -> None:
    assert summary([]) == Stats(0, None, None, None, None)


def test_what_was_cancelled_counts_as_a_run_and_says_nothing_else() -> None:
    assert summary([Run(State.CANCELLED, 7)]) == Stats(1, None, None, None, "cancelled")
    runs = [Run(State.SUCCEEDED, 2), Run(State.CANCELLED, 99), Run(State.FAILED, 1)]
    assert summary(runs) == Stats(3, 0.5, 1, 2, "succeeded")


def test_percentiles_are_times_that_were_measured() -> None:
    runs = [Run(State.SUCCEEDED, float(seconds)) for seconds in range(1, 101)]
    assert summary(runs) == Stats(100, 1.0, 50, 95, "succeeded")
    assert summary(runs[:1]) == Stats(1, 1.0, 1, 1, "succeeded")


@pytest.mark.parametrize(
    ("fields", "p50_s", "expected"),
    [
        ({"state": State.CREATED}, 10, 5000),
        ({"state": State.AWAITING_APPROVAL}, 10, 5000),
        ({"state": State.INPUT_REQUIRED}, 10, 5000),
        ({"state": State.SUCCEEDED}, 10, 1000),
        ({}, None, 1000),
        ({}, 10, 1000),
        ({"run_at": NOW - timedelta(seconds=60)}, 10, 1000),
        ({"run_at": NOW + timedelta(seconds=20)}, 10, 3000),
        ({"state": State.RUNNING, "started_at": NOW}, 10, 1000),
        ({"state": State.RUNNING, "started_at": NOW - timedelta(seconds=6)}, 10, 400),
        ({"state": State.RUNNING, "started_at": NOW - timedelta(seconds=9)}, 10, 250),
        ({"state": State.RUNNING, "started_at": NOW - timedelta(seconds=40)}, 10, 3000),
        ({"state": State.RUNNING, "started_at": NOW}, 3600, 5000),
    ],
)
def test_another_look_pays_after_a_tenth_of_what_is_left(
    fields: dict[str, Any], p50_s: float | None, expected: int
) -> None:
    assert poll_after_ms(replace(TASK, **fields), p50_s, NOW) == expected


@pytest.mark.parametrize(
    ("state", "p50_s", "expected"),
    [
        (State.CREATED, 10, 5000),
        (State.AWAITING_APPROVAL, None, 5000),
        (State.INPUT_REQUIRED, 100, 1000),
        (State.QUEUED, None, 1000),
        (State.RUNNING, 0.1, 250),
        (State.RUNNING, 2.5, 250),
        (State.RUNNING, 2.6, 500),
        (State.QUEUED, 10, 1000),
        (State.RUNNING, 3600, 5000),
    ],
)
def test_how_often_a_look_pays_depends_on_state_and_history_alone(
    state: State, p50_s: float | None, expected: int
) -> None:
    assert poll_interval_ms(state, p50_s) == expected
