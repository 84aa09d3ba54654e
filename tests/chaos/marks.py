"""Tasks that leave marks, and what their marks tell."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

from support.server import Document, shell
from support.waiting import marked

PROGRAM: Final = Path(__file__).with_name("programs") / "beats.py"
FOR_EVER: Final = str(10**9)


class Seen(NamedTuple):
    """The first and the last sign of life of one attempt (seconds since 1970), and its events."""

    first: float
    last: float
    events: frozenset[str]


def beating(name: str, **fields: Any) -> Document:
    """Define a command that leaves marks in the file `a`, `b` of them in its first attempt."""
    program = [sys.executable, "-I", "-S", str(PROGRAM)]
    text = {"type": "string"}
    return {
        "name": name,
        "description": f"Does {name}.",
        "parameters": {"type": "object", "properties": {"a": text, "b": text}},
        "run": {"process": {"argv": [*program, "{a}", "{b}"]}},
        **fields,
    }


LINE: Final = "0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghijklmnop\n"
FLOOD: Final = f'yes "{LINE.strip()}" | head -c "$1"; echo the end >&2'

COMMANDS: Final = (
    beating("retried", on_crash="retry"),
    beating("failed", on_crash="fail"),
    shell("flood", FLOOD, "a"),
)


def read(file: Path) -> Mapping[int, Seen]:
    """Return what is known of each attempt of a task."""
    seen: dict[int, list[tuple[str, float]]] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        attempt, event, at = line.split()
        seen.setdefault(int(attempt), []).append((event, float(at)))
    return {
        attempt: Seen(
            min(at for _, at in marks),
            max(at for _, at in marks),
            frozenset(event for event, _ in marks),
        )
        for attempt, marks in seen.items()
    }


def assert_no_overlap(file: Path) -> None:
    """Check that each attempt was wholly over, daemon included, before the next one began."""
    seen = read(file)
    for attempt, following in zip(sorted(seen), sorted(seen)[1:], strict=False):
        assert seen[attempt].last < seen[following].first, f"{file}: {attempt} and {following}"


def keepers(task_id: str) -> list[psutil.Process]:
    """Return what watches over the processes of a task."""
    own = set(marked(task_id))
    parents = {psutil.Process(pid).ppid() for pid in own}
    return [psutil.Process(pid) for pid in parents - own]
