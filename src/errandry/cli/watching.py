"""What a person sees while a task goes on."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from errandry.cli import render
from errandry.cli.api import MAX_WAIT_S, Document
from errandry.cli.waiting import View


@contextmanager
def live(step_s: float = MAX_WAIT_S) -> Iterator[View]:
    """Follow a task on stderr: one moving line on a terminal, else a line for each change.

    Off the terminal a change of state shows at once, progress at most every `step_s` seconds.
    """
    if render.is_screen(sys.stderr):
        from errandry.cli import screen  # noqa: PLC0415 - loads rich, of use on a terminal only

        with screen.live_line() as view:
            yield view
    else:
        yield View(_changes(render.complain), step_s)


def says(status: Document) -> str:
    """Say in a few words what a task does, or waits for."""
    alias = status["alias"]
    match status["status"]:
        case "awaiting_approval":
            return f"somebody must decide: errandry tasks approve {alias}"
        case "input_required":
            return f"somebody must answer: POST /tasks/{alias}/input"
        case "queued" if status["queue_position"]:
            return f"number {status['queue_position']} in the queue"
        case "running":
            return render.progress(status["progress"]) or status["last_line"] or ""
        case _:
            return ""


def _changes(print_line: Callable[[str], None]) -> Callable[[Document], None]:
    last = ""

    def show(status: Document) -> None:
        nonlocal last
        text = render.line(f"{status['alias']} {status['status']} {says(status)}")
        if text != last:
            print_line(text)
            last = text

    return show
