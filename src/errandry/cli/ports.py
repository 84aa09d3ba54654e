"""The TCP port: taken by us, or an error that names who has it."""

import contextlib
import shutil
import socket
import subprocess
from pathlib import Path


class PortTaken(Exception):
    """Somebody else listens there; the message names them if they can be found."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to that address.

    Raises:
        PortTaken: somebody else has the port.
        OSError: the address is not one of this machine, or not for us.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it an answer, which is
    # written in two parts, waits up to 40 ms for a client that delays its ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno not in (48, 98):  # EADDRINUSE on macOS and Linux
            raise
        holder = _holder(port)
        who = f" by {holder}" if holder else ""
        raise PortTaken(
            f"Port {port} of {host} is taken{who}. Stop that program, or set ERRANDRY_PORT to another port."
        ) from error
    return listener


def _holder(port: int) -> str | None:
    """Name the process that listens on a port, as far as we may see it."""
    if Path("/proc/net/tcp").exists():
        return _holder_in_proc(port)
    if lsof := shutil.which("lsof"):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            found = subprocess.run(  # noqa: S603 - a fixed program, a number
                [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"],
                capture_output=True,
                text=True,
                timeout=5,
                check=False,
            )
            fields = {line[0]: line[1:] for line in found.stdout.splitlines() if line}
            if "p" in fields:
                return f"process {fields['p']} ({fields.get('c', '?')})"
    return None


def _holder_in_proc(port: int) -> str | None:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for row in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                columns = row.split()
                if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{columns[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(entry.readlink()) in inodes for entry in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8").strip()
                return f"process {process.name} ({name})"
    return None
