"""Where a server keeps its things, and how its clients on this machine find it.

Standard library only: `errandry mcp` imports this and must start in tens of milliseconds.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MAX_SOCKET_PATH = 100
"""Bytes; macOS allows 104 in a socket address, Linux 108."""


class BadPlace(Exception):
    """A folder that cannot be used; the message says which and why."""


def data_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the data folder that the environment names, absolute; it may not exist yet."""
    if named := environment.get("ERRANDRY_DATA_DIR"):
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "errandry"
    base = environment.get("XDG_DATA_HOME") or ""
    return (
        Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share"
    ) / "errandry"


def prepare(folder: Path) -> None:
    """Make the data folder, for the owner alone.

    Raises:
        BadPlace: it cannot be made or written to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadPlace(f"cannot make the data folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise BadPlace(
            f"cannot write to the data folder {folder}; set ERRANDRY_DATA_DIR to one you own"
        )


def socket_path(folder: Path) -> Path:
    """Return where the private socket of a data folder lies.

    In it, or if that path is too long, in a folder of this user below the temporary folder.

    Raises:
        BadPlace: somebody else owns that folder.
    """
    near = folder / "mcp.sock"
    if len(os.fsencode(near)) <= MAX_SOCKET_PATH:
        return near
    import hashlib  # noqa: PLC0415 - seldom needed, and half of the pump's memory
    import tempfile  # noqa: PLC0415

    private = Path(tempfile.gettempdir()) / f"errandry-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    status = private.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise BadPlace(f"{private} must belong to you alone (mode 0700)")
    return private / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.sock"


class ServerFile(NamedTuple):
    """What `server.json` in the data folder tells about the server that runs there."""

    url: str
    socket: str
    pid: int
    version: str
    commands_dir: str

    @staticmethod
    def path(folder: Path) -> Path:
        """Return where the file lies in a data folder."""
        return folder / "server.json"

    @classmethod
    def read(cls, folder: Path) -> "ServerFile | None":
        """Return what stands there, or None when no server has left a readable file.

        A file alone proves nothing: a server that was killed leaves it behind.
        """
        try:
            told = json.loads(cls.path(folder).read_text(encoding="utf-8"))
            return cls(**{name: told[name] for name in cls._fields})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """Put the file in place in one step, readable by the owner alone."""
        target = self.path(folder)
        draft = target.with_suffix(f".{self.pid}.tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._asdict(), file)
        draft.replace(target)
