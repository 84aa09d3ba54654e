"""Runs `errandry mcp` as a host does, and plays the server behind it."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import errandry
from errandry.place import ServerFile

WAIT_S: Final = 30
"""How long a test waits for what must come."""

MODULE: Final = ("-m", "errandry", "mcp")


def environment(data: Path, *, alone: bool = False, **settings: str) -> dict[str, str]:
    """Return an environment whose data folder is `data`; `alone` keeps coverage and its weight out."""
    foreign = ("ERRANDRY_", "COVERAGE_") if alone else ("ERRANDRY_",)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    source = str(Path(errandry.__file__).parents[1])
    return {**kept, "PYTHONPATH": source, "ERRANDRY_DATA_DIR": str(data), **settings}


class Pump:
    """One `errandry mcp`. Python arguments other than ``-m errandry mcp`` may start it."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        python: Sequence[str] = MODULE,
        settings: Mapping[str, str] | None = None,
        stdin: int = subprocess.PIPE,
        cwd: Path | None = None,
        alone: bool = False,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *python, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(data, alone=alone, **(settings or {})),
            cwd=cwd,
            bufsize=0,
        )

    def send(self, message: bytes) -> None:
        """Write a short message to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(message)

    def read_line(self) -> bytes:
        """Read a line of its stdout."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self, message: bytes | None = None) -> tuple[int, bytes, str]:
        """Send a last message, close stdin; return status, the rest of stdout, and stderr."""
        out, err = self.process.communicate(message, timeout=WAIT_S)
        return self.process.returncode, out, err.decode()

    def outcome(self) -> tuple[int, bytes, str]:
        """Wait for its end while stdin stays open; return status, stdout and stderr."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out, err = self.process.stdout.read(), self.process.stderr.read()
        return self.process.wait(WAIT_S), out, err.decode()

    def close(self) -> None:
        """End it if it still runs, and close its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


class FakeServer:
    """The private socket and the `server.json` of a data folder, played by the test."""

    def __init__(self, data: Path, commands: Path) -> None:
        path = data / "mcp.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(WAIT_S)
        self._accepted: list[socket.socket] = []
        ServerFile("http://127.0.0.1:1", str(path), os.getpid(), "1", str(commands)).write(data)

    def accept(self) -> socket.socket:
        """Return the connection of the next pump."""
        connection, _ = self._listener.accept()
        connection.settimeout(WAIT_S)
        self._accepted.append(connection)
        return connection

    def close(self) -> None:
        """Close everything."""
        for opened in (self._listener, *self._accepted):
            opened.close()
