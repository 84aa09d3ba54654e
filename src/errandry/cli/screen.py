"""What is drawn when a person looks: tables and a live line. Loads rich."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from errandry.cli import wording
from errandry.cli.api import Document
from errandry.cli.waiting import View

_STYLES: Final = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "running": "cyan",
    "awaiting_approval": "magenta",
    "input_required": "magenta",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
}


def draw_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Draw rows below a head on stdout; a cell that names a state or level has its colour."""
    table = Table(*head, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console(highlight=False).print(table)


@contextmanager
def live_line() -> Iterator[View]:
    """Draw one line on stderr that follows a task: state, bar, what it says; gone at the end."""
    one_line = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[said]}", markup=False, table_column=one_line),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=True, expand=True) as bars:
        bar = bars.add_task("", total=None, said="")

        def show(status: Document) -> None:
            progress = status["progress"] or {}
            bars.update(
                bar,
                description=f"{status['alias']} {status['status']}",
                total=progress.get("total"),
                completed=progress.get("current") or 0,
                said=wording.line(wording.says(status)),
            )

        yield View(show, step_s=1)
