"""What a check found, and what there is to look at."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from errandry.cli.datalock import DataLock, Taken
from errandry.place import ServerFile
from errandry.settings import Settings

Level = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """One line: how it stands with a subject, and for a fault the next step."""

    level: Level
    check: str
    says: str
    next_step: str | None = None


@dataclass(frozen=True)
class Ground:
    """The installation as the settings describe it.

    began: wall clock and monotonic clock, in seconds, when the looking began.
    """

    settings: Settings
    began: tuple[float, float] = field(default_factory=lambda: (time.time(), time.monotonic()))

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.settings.data_dir

    def server(self) -> ServerFile | None:
        """Return the server that holds the data folder and has told where it is."""
        with self.held() as is_free:
            return None if is_free else ServerFile.read(self.folder)

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the data folder while the block lasts; yield False when a server does."""
        if not (
            self.folder / "server.lock"
        ).exists():  # no server has been here, and we make nothing
            yield True
            return
        try:
            lock = DataLock(self.folder)
        except Taken:
            yield False
            return
        try:
            yield True
        finally:
            lock.close()
