"""Printing: drawn for a person who looks, plain for other programs."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from errandry.cli import wording


def print_json(document: Any) -> None:
    """Print one document on one line, in ASCII: any terminal and any pipe takes it."""
    print(json.dumps(document, separators=(",", ":")), flush=True)


def complain(*lines: str) -> None:
    """Print lines on stderr."""
    for text in lines:
        print(wording.safe(text), file=sys.stderr, flush=True)


def print_output(text: str) -> None:
    """Print what a task wrote: safe on a terminal, as it is into a pipe or file."""
    if sys.stdout.isatty():
        text = wording.safe(text.replace("\r\n", "\n"))
    sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
    sys.stdout.flush()


def is_screen(stream: TextIO) -> bool:
    """Whether a person looks at the stream on a terminal that can be drawn on."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: aligned on a terminal, else one line a row with tabs between the cells."""
    safe_rows = [[wording.line(cell) for cell in row] for row in rows]
    if is_screen(sys.stdout):
        from errandry.cli import screen  # noqa: PLC0415 - loads rich, which takes a tenth of a second

        screen.draw_table(head, safe_rows)
    else:
        for row in (head, *safe_rows):
            print("\t".join(row))
