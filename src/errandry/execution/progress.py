"""Progress that programs report: lines of JSON in a file, or `::progress {…}` on stdout."""

import os
from pathlib import Path
from typing import Any, Final

from errandry.jsontext import JsonError, loads
from errandry.tasks.model import Progress

_MAX_READ: Final = 64 * 1024


def read_progress(line: bytes) -> Progress | None:
    """Read one report `{"current", "total", "message"}`; None when it is none.

    A program that reports badly loses its report, not its task.
    """
    try:
        document = loads(line)
    except JsonError:
        return None
    if not isinstance(document, dict):
        return None
    message = document.get("message")
    return Progress(
        current=_number(document.get("current")),
        total=_number(document.get("total")),
        message=message if isinstance(message, str) else None,
    )


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < 2**53 else None


class ProgressFile:
    """A file that a program appends reports to; each look gives the newest whole line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.close(descriptor)

    def newest(self) -> Progress | None:
        """Return the newest report since the last look, or None when there is none."""
        try:
            size = self._path.lstat().st_size
            if size <= self._read:
                self._read = size  # it may have been written anew
                return None
            start = max(self._read, size - _MAX_READ)
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                data = os.pread(descriptor, size - start, start)
            finally:
                os.close(descriptor)
        except OSError:  # the program has removed it
            return None
        end = data.rfind(b"\n") + 1
        self._read = start + end
        for line in reversed(data[:end].splitlines()):
            if progress := read_progress(line):
                return progress
        return None
