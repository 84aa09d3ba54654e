"""What follows an attempt, as tables."""

import pytest

from errandry.tasks.model import AttemptOutcome, OnCrash
from errandry.tasks.retry import Ending, RetryPolicy, pause_s, tries_again


@pytest.mark.parametrize(
    ("outcome", "on_crash", "max_attempts", "attempt", "again"),
    [
        ("succeeded", "retry", 5, 1, False),
        ("cancelled", "retry", 5, 1, False),
        ("failed", "retry", 1, 1, False),
        ("failed", "fail", 3, 2, True),
        ("failed", "fail", 3, 3, False),
        ("timeout", "fail", 2, 1, True),
        ("lost", "fail", 5, 1, False),
        ("lost", "retry", 1, 1, True),
        ("lost", "retry", 1, 2, True),
        ("lost", "retry", 1, 3, False),
        ("lost", "retry", 5, 4, True),
        ("lost", "retry", 5, 5, False),
    ],
)
def test_an_attempt_is_followed_by_another_when(
    outcome: AttemptOutcome, on_crash: OnCrash, max_attempts: int, attempt: int, again: bool
) -> None:
    policy = RetryPolicy(max_attempts=max_attempts, on_crash=on_crash)
    assert tries_again(policy, attempt, Ending(outcome)) is again


@pytest.mark.parametrize(
    ("attempt", "longest_s"),
    [(1, 1), (2, 2), (3, 4), (4, 8), pytest.param(5, 10, id="capped"), (2_000, 10)],
)
def test_the_longest_pause_doubles_up_to_the_cap(attempt: int, longest_s: float) -> None:
    policy = RetryPolicy(base_s=1, cap_s=10)
    assert pause_s(policy, attempt, Ending("failed"), uniform=lambda _, high: high) == longest_s
    assert pause_s(policy, attempt, Ending("failed"), uniform=lambda low, _: low) == 0


def test_after_a_lost_attempt_nobody_waits_again() -> None:
    assert pause_s(RetryPolicy(), 1, Ending("lost")) == 0
