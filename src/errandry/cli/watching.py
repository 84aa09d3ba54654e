"""What a person sees while a task goes on."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from errandry.cli import render, wording
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


def _changes(print_line: Callable[[str], None]) -> Callable[[Document], None]:
    last = ""

    def show(status: Document) -> None:
        nonlocal last
        text = wording.line(f"{status['alias']} {status['status']} {wording.says(status)}")
        if text != last:
            print_line(text)
            last = text

    return show
