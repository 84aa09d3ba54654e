"""The helper process between a worker and the programs it runs; forks keepers on request.

    worker ---requests--- spawner     "+" in, a keeper's control socket out; ends what a dead
       |                     |        keeper left behind
       +-----control----- keeper      sub-reaper for one attempt at a time
       |                     |
       +------pipes------ program     its output goes straight to the worker

Run as `python -I -S -E -X utf8 spawner.py [lock descriptor]` with the requests socket as stdin and
/dev/null as stdout. Single-threaded on purpose: that alone makes fork safe. Imports little: every
page written after a fork is copied.
"""

import contextlib
import fcntl
import gc
import os
import signal
import socket
import sys
import time
from types import ModuleType

if __name__ == "__main__":  # our siblings are found by their full names, without any __init__ run
    for name in ("errandry", "errandry.execution", "errandry.execution.spawner"):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [__file__.rpartition("/")[0]]

from errandry.execution.spawner import unix
from errandry.execution.spawner.keeper import keep
from errandry.execution.spawner.signals import IGNORED, ChildWatch, send
from errandry.execution.spawner.tree import GAVE_UP
from errandry.execution.spawner.wire import line

END_ORPHANS_S = 2.0
IDLE_S = 60.0


def main() -> None:
    """Serve until the worker and the last keeper are gone."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for lock in map(int, sys.argv[1:]):  # held until we and all our forks are gone
        os.set_inheritable(lock, False)
        fcntl.flock(lock, fcntl.LOCK_SH)
    unix.adopt_orphans()
    unix.harden()
    unix.allow_many_files()
    gc.collect()
    gc.freeze()
    gc.disable()
    Spawner(socket.socket(fileno=0)).serve()


class Spawner:
    """Owns the keepers: hands them out, and cleans up after those that die."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._watch = ChildWatch()
        self._keepers: dict[int, socket.socket] = {}
        """Control sockets by pid: kept open, so that no end-of-file comes before the clean-up."""

    def serve(self) -> None:
        """Answer requests until their end, then wait for the keepers."""
        open_ = True
        while open_ or self._keepers:
            if self._watch.wait(self._requests.fileno() if open_ else None, IDLE_S):
                open_ = self._hears_request()
                if open_:
                    self._add_keeper()
            self._reap_keepers()

    def _hears_request(self) -> bool:
        try:
            return bool(self._requests.recv(1))
        except ConnectionResetError:  # gone, with unread answers of ours
            return False

    def _add_keeper(self) -> None:
        try:
            theirs, control = socket.socketpair()
        except OSError as error:
            self._answer({"error": error.errno})
            return
        with theirs:
            try:
                pid = os.fork()
            except OSError as error:
                control.close()
                self._answer({"error": error.errno})
                return
            if pid == 0:
                self._become_keeper(theirs, control)
            self._keepers[pid] = control
            self._answer({}, theirs.fileno())

    def _become_keeper(self, theirs: socket.socket, control: socket.socket) -> None:
        status = 1
        try:
            for other in (self._requests, theirs, *self._keepers.values()):
                other.close()
            self._watch.close()
            keep(control)
            status = 0
        except BaseException:
            sys.excepthook(
                *sys.exc_info()
            )  # to the worker's stderr; we leave before Python does it
            raise
        finally:
            os._exit(status)

    def _answer(self, message: object, *files: int) -> None:
        with contextlib.suppress(OSError):  # the worker is gone; so will be the keeper
            socket.send_fds(self._requests, [line(message)], files)

    def _reap_keepers(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
                if pid == 0:
                    return
                if os.WIFSTOPPED(status):  # only its own task would do that to a keeper
                    send(signal.SIGKILL, pid)
                elif control := self._keepers.pop(pid, None):  # else an orphan that we killed
                    self._bury(control, os.waitstatus_to_exitcode(status))

    def _bury(self, control: socket.socket, code: int) -> None:
        with control, contextlib.suppress(OSError):
            if code:
                self._end_orphans()
                stuck = "a process of the task did not end after SIGKILL"
                control.sendall(
                    line({"lost": stuck if code == GAVE_UP else f"the keeper ended with {code}"})
                )

    def _end_orphans(self) -> None:
        """Whatever is our child and no keeper has lost its keeper, so all of it has to go."""
        give_up_at = time.monotonic() + END_ORPHANS_S
        while time.monotonic() < give_up_at:
            orphans = [pid for pid in unix.children(os.getpid()) if pid not in self._keepers]
            if not orphans:
                return
            for orphan in orphans:
                send(signal.SIGKILL, orphan)
                for pid in unix.descendants(orphan):
                    send(signal.SIGKILL, pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(orphan, os.WNOHANG)
            time.sleep(0.001)


if __name__ == "__main__":
    main()
