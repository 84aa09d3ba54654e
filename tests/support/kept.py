"""Run as a program: the parent of one server, which ends with whoever started us.

    python kept.py FOLDER SIGNAL UID GID -- command…

The starter holds our stdin. When it closes, because the starter said so or is dead, we send the
server the signal, then SIGKILL, and remove the folder. As a module: the starter's side.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

END_S = 10.0
LOOK_S = 0.1


class Kept:
    """A server in a folder of its own, which it leaves with us."""

    def __init__(
        self, command: Sequence[str], folder: Path, stop: int, account: Mapping[str, Any]
    ) -> None:
        self.folder = folder
        who = (str(account.get("user", -1)), str(account.get("group", -1)))
        self._keeper = subprocess.Popen(
            [sys.executable, __file__, str(folder), str(int(stop)), *who, "--", *command],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def lives(self) -> bool:
        """Whether it still runs; a server that did not start is an error with its last words."""
        if self._keeper.poll() is None:
            return True
        raise AssertionError(f"the server ended: {self.log[-1000:]}")

    @property
    def log(self) -> str:
        """What the server printed."""
        return (self.folder / "server.log").read_text(errors="replace")

    def end(self, number: int) -> None:
        """Send the server itself a signal that ends it; its folder stays."""
        process_id = int((self.folder / "server.pid").read_text())
        with contextlib.suppress(ProcessLookupError):
            os.kill(process_id, number)
        self._keeper.wait(END_S * 3)
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()

    def close(self) -> None:
        """End the server and remove its folder."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(END_S * 3)
        shutil.rmtree(self.folder, ignore_errors=True)


def keep(folder: Path, stop: int, uid: int, gid: int, command: Sequence[str]) -> None:
    """Run the server until it ends or our stdin does."""
    account: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []} if uid >= 0 else {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _not_for_us)
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, **account
        )
    (folder / "server.pid").write_text(str(server.pid))
    while server.poll() is None:
        readable, _, _ = select.select([0], [], [], LOOK_S)
        if readable:  # nobody ever writes to it: this is its end
            _end(server, stop)
            shutil.rmtree(folder, ignore_errors=True)


def _not_for_us(number: int, frame: object) -> None:
    """Stay: an interrupt from the terminal goes to the tests. (SIG_IGN would be inherited.)"""


def _end(server: "subprocess.Popen[bytes]", stop: int) -> None:
    server.send_signal(stop)
    try:
        server.wait(END_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    place, how, user, group, _, *words = sys.argv[1:]
    keep(Path(place), int(how), int(user), int(group), words)
