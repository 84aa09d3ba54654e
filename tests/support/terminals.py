"""A terminal with a person at it: a real pseudo-terminal in place of the three standard streams."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest


class Screen:
    """What was drawn; whole once the terminal is closed."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._chunks: list[bytes] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError):  # Linux's way to say that the other end is closed
            while chunk := os.read(self._master, 65_536):
                self._chunks.append(chunk)

    def text(self) -> str:
        """Return all of it, escape sequences too."""
        self._thread.join()
        return b"".join(self._chunks).decode().replace("\r\n", "\n")


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, typed: str = "") -> Iterator[Screen]:
    """Put a terminal in the place of stdin, stdout and stderr; a person has typed `typed`."""
    master, slave = os.openpty()
    os.write(master, typed.encode())
    screen = Screen(master)
    with monkeypatch.context() as patch, os.fdopen(slave, "r+b", buffering=0) as line:
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            patch.setattr(sys, name, open(os.dup(line.fileno()), mode, encoding="utf-8"))  # noqa: PTH123, SIM115
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "100")
        patch.delenv("NO_COLOR", raising=False)
        try:
            yield screen
        finally:
            for stream in (sys.stdin, sys.stdout, sys.stderr):
                stream.close()
    screen.text()
    os.close(master)
