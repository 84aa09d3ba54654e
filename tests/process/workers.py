"""Workers of their own, to be killed or stopped."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import errandry
from errandry.execution.spawner import unix
from process.jobs import LEASE_S, PROGRAMS, until_gone


class Worker(NamedTuple):
    """A running programs/worker.py."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    spawner: int


@contextmanager
def worker(
    argv: list[str],
    marks: Mapping[str, str],
    lock: Path,
    *,
    count: int = 1,
    lease_s: float = LEASE_S,
) -> Iterator[Worker]:
    """Start one that runs the program `count` times; in the end it and they are gone."""
    told = {"argv": argv, "marks": marks, "lock": str(lock), "count": count, "lease_s": lease_s}
    environment = {"PYTHONPATH": str(Path(errandry.__file__).parents[1])}
    environment |= {name: text for name, text in os.environ.items() if name == unix.PORTABLE}
    command = [sys.executable, str(PROGRAMS / "worker.py"), json.dumps(told)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        try:
            yield Worker(process, process.stdout, int(process.stdout.readline()))
        finally:
            process.kill()
            until_gone(marks)
