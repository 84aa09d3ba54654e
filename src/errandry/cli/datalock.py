"""One server per data folder: the lock that says so."""

import fcntl
import os
from pathlib import Path

from errandry.place import ServerFile


class Taken(Exception):
    """Another server holds the folder; the message names it."""


class DataLock:
    """Holds a data folder until the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(
            folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise Taken(_say_who(folder)) from None

    def close(self) -> None:
        """Give the folder free."""
        os.close(self._descriptor)


def _say_who(folder: Path) -> str:
    if there := ServerFile.read(folder):
        return (
            f"A server already runs on the data folder {folder}: {there.url}, process {there.pid}."
            " Use it, stop it, or set ERRANDRY_DATA_DIR to another folder."
        )
    return (
        f"A worker holds the data folder {folder}, or another server is just starting on it."
        " Stop it, or set ERRANDRY_DATA_DIR to another folder."
    )
