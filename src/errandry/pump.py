"""`errandry mcp`: carries bytes between an MCP host and the one server of the data folder.

Standard library only, and little of it: every open chat runs one of these. Both directions are
blocking copies through one small buffer, so whoever reads slowly slows the writer down and nothing
piles up here.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from errandry import place

if TYPE_CHECKING:
    from subprocess import Popen

HELP: Final = """\
usage: errandry mcp

Speak MCP on stdin and stdout, for hosts that start their servers themselves.
Connects to the errandry server of the data folder, and starts one when none runs.

environment:
  ERRANDRY_DATA_DIR      data folder whose server is used
  ERRANDRY_COMMANDS_DIR  command folder; must be the server's when one runs already
"""
STDIN, STDOUT = 0, 1
CHUNK_BYTES: Final = 65_536
START_LIMIT_S: Final = 60
RACE_S: Final = 2
"""How long another starter's server may still take when the own one has given way to it."""

OK, FAILED, USAGE, CONFLICT, PIPE_CLOSED = 0, 1, 2, 5, 141
"""Exit statuses, as those of the other verbs; a server ends with CONFLICT when another has its folder."""


class Refusal(Exception):
    """The pump cannot work, or not any longer; the message is one line for a person."""


def main(arguments: Sequence[str]) -> int:
    """Run until the host closes stdin or the server goes; return the exit status."""
    if arguments and arguments[0] in ("-h", "--help"):
        sys.stdout.write(HELP)
        return OK
    if arguments:
        sys.stderr.write(f"errandry mcp: takes no arguments, got {arguments[0]!r}; see --help\n")
        return USAGE
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once and in silence, as on SIGTERM
    folder = place.data_dir()
    try:
        with _connect(folder) or _start(folder) as server:
            return _pump(server, folder)
    except (Refusal, place.BadPlace, OSError) as error:
        sys.stderr.write(f"errandry mcp: {error}\n")
        return FAILED


def _connect(folder: Path) -> socket.socket | None:
    """Connect to the server of the data folder; None when nothing answers.

    Raises:
        Refusal: it serves another command folder than ERRANDRY_COMMANDS_DIR names.
    """
    told = place.ServerFile.read(folder)
    if told is None:
        return None
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(told.socket)
    except OSError:
        server.close()
        return None
    asked = os.environ.get("ERRANDRY_COMMANDS_DIR")
    if asked and os.path.realpath(asked) != os.path.realpath(told.commands_dir):
        server.close()
        raise Refusal(
            f"the server of {folder} serves the commands in {told.commands_dir}, not those in {asked};"
            " unset ERRANDRY_COMMANDS_DIR, or set ERRANDRY_DATA_DIR to a folder of their own"
        )
    return server


def _start(folder: Path) -> socket.socket:
    """Start a server that outlives this process, and connect to it or to one that was faster.

    Raises:
        BadPlace: the data folder cannot be used.
        Refusal: no server came up.
    """
    place.prepare(folder)
    log = folder / "server.log"
    deadline = time.monotonic() + START_LIMIT_S
    while (left := deadline - time.monotonic()) > 0:
        child = _spawn(log)
        server = _wait_for(folder, left, child) or _wait_for(folder, min(left, RACE_S))
        if server:
            return server
        if child.poll() not in (None, CONFLICT):
            raise Refusal(
                f"the server ended with status {child.returncode}: {_last_line(log)} (more in {log})"
            )
    raise Refusal(f"no server answered within {START_LIMIT_S} s: {_last_line(log)} (more in {log})")


def _spawn(log: Path) -> "Popen[bytes]":
    import subprocess  # noqa: PLC0415 - most pumps find a server and need no more memory for this

    # -P: a file of the folder that a host happens to stand in must not pass for one of our modules
    command = [sys.executable, "-P", "-m", "errandry", "serve", "--detached"]
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - our own program, and nothing from outside
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)


def _wait_for(
    folder: Path, limit_s: float, child: "Popen[bytes] | None" = None
) -> socket.socket | None:
    """Try to connect until it works, the time is over, or the child has ended."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and (child is None or child.poll() is None):
        if server := _connect(folder):
            return server
        time.sleep(0.02)
    return None


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _pump(server: socket.socket, folder: Path) -> int:
    """Carry both directions; return when no more answers can come.

    Raises:
        Refusal: the server went before the host did.
    """
    for descriptor in (STDIN, STDOUT):
        os.set_blocking(descriptor, True)  # a host may share pipes that it has set otherwise
    host_is_done = threading.Event()
    threading.Thread(target=_carry_up, args=(server, host_is_done), daemon=True).start()
    try:
        while chunk := server.recv(CHUNK_BYTES):
            _write(chunk)
        if host_is_done.is_set():
            return OK
    except BrokenPipeError:  # the host reads no more: there is nobody left to tell
        return PIPE_CLOSED
    except ConnectionResetError:  # the server fell with unread messages in its hands
        pass
    raise Refusal(f"the server has gone; start this again to go on (more in {folder}/server.log)")


def _carry_up(server: socket.socket, host_is_done: threading.Event) -> None:
    """Carry stdin to the server; at its end let the last answers come."""
    with contextlib.suppress(OSError):  # the server has gone, which the other direction notices too
        while chunk := os.read(STDIN, CHUNK_BYTES):
            server.sendall(chunk)
        host_is_done.set()
        server.shutdown(socket.SHUT_WR)


def _write(chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(STDOUT, rest) :]
