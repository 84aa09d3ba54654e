"""Waiting for what real processes do."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from errandry.execution.spawner import unix

T = TypeVar("T")

LIMIT_S: Final = 120.0
"""How long a test waits for what must come; many times what it takes."""


def until(condition: Callable[[], T], what: str, limit_s: float = LIMIT_S) -> T:
    """Return the first true value of the condition; fail when none comes."""
    end = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {limit_s:g} s for this: {what}"
        time.sleep(0.02)
    return value


def marked(task_id: str) -> list[int]:
    """Return the processes of a task."""
    return unix.marked({"ERRANDRY_TASK_ID": task_id})


def until_gone(*task_ids: str) -> None:
    """Wait until nothing is left of these tasks."""
    for task_id in task_ids:
        until(partial(_is_gone, task_id), f"the end of {task_id}")


def _is_gone(task_id: str) -> bool:
    return not marked(task_id)
