"""Signals of the helper processes: to hear that a child has ended, and to end processes."""

import contextlib
import os
import select
import signal

IGNORED = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE]
"""The helpers end by end-of-file, never by a signal meant for the programs."""

RESET = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
"""Ignored signals survive exec: ours, Python's and those of whoever started the worker."""


class ChildWatch:
    """Wakes a wait for descriptors when a child ends. One per process: make a new one after fork."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def close(self) -> None:
        """Give up the descriptors, in a fork that has its own watch."""
        os.close(self._read)
        os.close(self._write)

    def wait(self, descriptor: int | None, seconds: float, *, children: bool = True) -> bool:
        """Wait for the descriptor, the end of a child, or the time; tell whether it was the first.

        `children`: look out for their end.
        """
        poll = select.poll()
        for fd in (descriptor, self._read if children else None):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(max(0.0, seconds * 1000))}
        if self._read in ready:
            self._drain()
        return descriptor in ready

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self._read, 4096)) == 4096:
                pass


def send(number: int, pid: int) -> None:
    """Signal a process (below zero: a group) that may be gone or out of reach."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        if number == signal.SIGTERM:
            os.kill(pid, signal.SIGCONT)  # a stopped process would not see it
