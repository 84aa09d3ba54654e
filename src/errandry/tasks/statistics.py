"""What past runs tell of a command: how often they succeed, how long they take, when to look again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from errandry.commands.stats import NO_RUNS, Stats
from errandry.tasks.model import State, Task

_UNKNOWN_MS: Final = 1_000
_LEAST_MS: Final = 250
_MOST_MS: Final = 5_000
_STEPS_MS: Final = (250, 500, 1_000, 2_000, _MOST_MS)


@dataclass(frozen=True, slots=True)
class Run:
    """A final task that ran; `seconds` is what its last attempt took."""

    outcome: State
    seconds: float


def summary(runs: Sequence[Run]) -> Stats:
    """Sum up the runs of a command, the newest first."""
    if not runs:
        return NO_RUNS
    finished = [run for run in runs if run.outcome is not State.CANCELLED]
    succeeded = sum(run.outcome is State.SUCCEEDED for run in finished)
    seconds = sorted(run.seconds for run in finished)
    return Stats(
        runs=len(runs),
        success_rate=round(succeeded / len(finished), 3) if finished else None,
        p50_s=_percentile(seconds, 0.50),
        p95_s=_percentile(seconds, 0.95),
        last_outcome=runs[0].outcome,
    )


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the nearest rank: the least value that this share of all values does not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


def poll_after_ms(task: Task, p50_s: float | None, now: datetime) -> int:
    """Return when another look at a task pays: after a tenth of what half of its runs still take.

    A task that takes longer than that is looked at more and more rarely again.
    """
    if task.state in (State.CREATED, State.AWAITING_APPROVAL, State.INPUT_REQUIRED):
        return _MOST_MS
    if p50_s is None or task.state.is_final:
        return _UNKNOWN_MS
    began = task.started_at if task.state is State.RUNNING else max(now, task.run_at or now)
    left_s = abs(p50_s + ((began or now) - now).total_seconds())
    return min(_MOST_MS, max(_LEAST_MS, round(left_s * 100)))


def poll_interval_ms(state: State, p50_s: float | None) -> int:
    """Return how often a look at a task pays: a tenth of what half of its runs take, in coarse steps.

    A person who decides takes long; one who is asked through the client is not kept waiting.
    """
    if state in (State.CREATED, State.AWAITING_APPROVAL):
        return _MOST_MS
    if p50_s is None or state is State.INPUT_REQUIRED:
        return _UNKNOWN_MS
    return next((step for step in _STEPS_MS if step >= p50_s * 100), _MOST_MS)
