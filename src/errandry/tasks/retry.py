"""What follows an attempt: another one, or the end. Pure arithmetic; the store applies it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from errandry.tasks.model import AttemptOutcome, Json, OnCrash, State, TaskError
from errandry.tasks.questions import Asked

LOST_ATTEMPTS: Final = 3
"""A lost attempt of an `on_crash: retry` command is tried again up to here, whatever the policy."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How one attempt ended. `cpu_s` in seconds and `max_rss_bytes` over its whole tree.

    `asked` is there when its outcome is.
    """

    outcome: AttemptOutcome
    result: Json = None
    error: TaskError | None = None
    exit_code: int | None = None
    signal: str | None = None
    max_rss_bytes: int | None = None
    cpu_s: float | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how far apart, attempts may follow each other (seconds)."""

    max_attempts: int = 1
    base_s: float = 1.0
    cap_s: float = 60.0
    on_crash: OnCrash = "fail"


FINAL_STATE: Final[dict[AttemptOutcome, State]] = {
    "succeeded": State.SUCCEEDED,
    "cancelled": State.CANCELLED,
    "failed": State.FAILED,
    "timeout": State.FAILED,
    "lost": State.FAILED,
}


def tries_again(policy: RetryPolicy, attempt: int, ending: Ending) -> bool:
    """Whether attempt number `attempt` (from 1), which ended so, is followed by another.

    Attempts that ended with a question are not counted, neither here nor in `pause_s`.
    A lost attempt follows `on_crash`, any other failure `max_attempts`.
    """
    match ending.outcome:
        case "succeeded" | "cancelled" | "asked":
            return False
        case "lost":
            return policy.on_crash == "retry" and attempt < max(policy.max_attempts, LOST_ATTEMPTS)
        case "failed" | "timeout":
            return attempt < policy.max_attempts


def pause_s(
    policy: RetryPolicy,
    attempt: int,
    ending: Ending,
    uniform: Callable[[float, float], float] = random.uniform,
) -> float:
    """Return the seconds to wait after attempt number `attempt` (from 1).

    Full jitter: a uniform draw from ``[0, min(cap, base * 2 ** (attempt - 1)))``. A lost attempt
    does not wait: its lease already has.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    if ending.outcome == "lost":
        return 0.0
    return uniform(0.0, min(policy.cap_s, policy.base_s * 2 ** min(attempt - 1, 30)))
