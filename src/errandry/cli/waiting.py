"""Waiting for a task: one long poll after another, until it is final."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from errandry.cli.api import MAX_WAIT_S, Api, Document, task_path
from errandry.cli.exits import Exit, Refusal


class View(NamedTuple):
    """What becomes of each status before the final one, and how many seconds one may be old."""

    show: Callable[[Document], None]
    step_s: float = MAX_WAIT_S


SILENT: Final = View(lambda _: None)


def wait(api: Api, ref: str, limit_s: float | None, view: View = SILENT) -> Document:
    """Return the final status of a task.

    Raises:
        Refusal: `limit_s` ran out, Ctrl-C was pressed, or the server went away; the task goes on,
            and the refusal says how to find it.
    """
    limit_s = math.inf if limit_s is None else limit_s
    deadline = time.monotonic() + limit_s
    with _goes_on(ref):
        status = api.get(task_path(ref, "status"))
        while not status["final"]:
            view.show(status)
            if (left := deadline - time.monotonic()) <= 0:
                raise Refusal(Exit.TIMED_OUT, f"{ref} is {status['status']} after {limit_s:g} s")
            status = api.get(
                task_path(ref, "status"),
                wait_s=min(left, view.step_s),
                revision=status["revision"],
            )
    return status


@contextmanager
def _goes_on(ref: str) -> Iterator[None]:
    """Add to whatever ends the waiting that the task goes on, and how to find it."""
    hint = f"The task goes on; follow it with: errandry tasks watch {ref}"
    try:
        yield
    except KeyboardInterrupt:
        raise Refusal(Exit.INTERRUPTED, "Interrupted", hint) from None
    except Refusal as refusal:
        if refusal.exit in (Exit.TIMED_OUT, Exit.NO_SERVER):
            refusal.lines += (hint,)
        raise
