"""A running program and everything it has started, from exec until nothing is left.

RUNNING -> (TERM, grace ->) KILL until nothing is left -> reported. TERM and grace are for an
explicit cancel alone: without a worker, or without a lease, another attempt may be near.
"""

import os
import signal
import time
from collections.abc import Iterable
from math import inf

from errandry.execution.spawner import unix
from errandry.execution.spawner.channel import Channel
from errandry.execution.spawner.signals import ChildWatch, send
from errandry.execution.spawner.wire import EndedMessage, JobMessage, Why

GAVE_UP = 3
"""Exit status of a keeper whose tree outlived KILL: something is stuck in the kernel."""

KILL_AGAIN_S = 0.002
LONGEST_WAIT_S = 5.0
"""A machine that sleeps stops this wait, but not the lease's clock."""


class Tree:
    """Follows one attempt."""

    def __init__(self, channel: Channel, watch: ChildWatch, child: int, job: JobMessage) -> None:
        self._channel, self._watch, self._child, self._job = channel, watch, child, job
        self._lease = job["lease"]
        self._why: Why | None = None
        self._kill_at = inf
        self._give_up_at = inf
        self._status = 0
        self._cpu_s = 0.0
        self._max_rss_bytes = 0

    def follow(self) -> EndedMessage:
        """Wait for the end, bring it about when it is due, and return how it was."""
        while (children := self._reap()) or self._others():
            self._obey()
            self._wait(self._kill_when_due(), children=children)
        return EndedMessage(
            ended=os.waitstatus_to_exitcode(self._status),
            why=self._why or "exited",
            cpu_s=self._cpu_s,
            max_rss_bytes=self._max_rss_bytes,
        )

    def _reap(self) -> bool:
        """Collect whatever has ended. False: no child is left, on Linux therefore nothing at all."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self._cpu_s += used.ru_utime + used.ru_stime
            self._max_rss_bytes = max(self._max_rss_bytes, unix.peak_memory(used))
            if pid == self._child:
                self._status = status
                self._end("exited")

    def _others(self) -> bool:
        if unix.LINUX:
            return False
        if self._escaped():
            return True
        # What goes on from fork to fork is never seen; but a signal to the group reaches it.
        send(signal.SIGKILL, -self._child)
        return False

    def _escaped(self) -> list[int]:
        try:
            return unix.escaped(os.getpid(), self._child, self._job["marks"])
        except OSError:
            return [-self._child]  # unknown is not empty; the group at least can be reached

    def _obey(self) -> None:
        for message in self._channel.take_messages():
            if "end" in message:
                self._end("cancelled", message["end"])
            else:
                self._lease = message["lease"]
                self._end_when_over()
        self._end_when_over()

    def _end_when_over(self) -> None:
        if not self._channel.open or self._now() >= self._lease:
            self._end("lease")

    def _end(self, why: Why, grace_s: float = 0.0) -> None:
        """Set when to KILL. The first reason is the one that is told; only TERM leaves time."""
        if self._why == "cancelled" and why == "exited":
            return  # what is left of the tree has the rest of the grace
        self._kill_at = min(self._kill_at, self._now() + grace_s)
        if self._why is None:
            self._why = why
            if grace_s > 0:
                self._signal(signal.SIGTERM)

    def _kill_when_due(self) -> float:
        """Return how long to wait until the next look."""
        now = self._now()
        if now < self._kill_at:
            return min(self._kill_at - now, self._lease - now, LONGEST_WAIT_S)
        self._signal(signal.SIGKILL)
        self._give_up_at = min(self._give_up_at, time.monotonic() + self._job["give_up_s"])
        if time.monotonic() >= self._give_up_at:
            os._exit(GAVE_UP)
        return KILL_AGAIN_S

    def _signal(self, number: int) -> None:
        found: Iterable[int]
        if not unix.LINUX:
            if number == signal.SIGKILL:  # the whole group in one step, before ps has looked
                send(number, -self._child)
            found = self._escaped()
        elif number == signal.SIGKILL:
            found = unix.descendants(os.getpid())
        else:  # not what a program starts to clean up, when it gets its TERM
            found = list(unix.descendants(os.getpid()))
        for pid in found:
            send(number, pid)

    def _wait(self, seconds: float, *, children: bool) -> None:
        # Without children it was ps itself that ended: not a reason to look again at once.
        seconds = seconds if children else max(min(seconds, 0.1), 0.02)
        control = self._channel.fileno() if self._channel.open else None
        if self._watch.wait(control, seconds, children=children):
            self._channel.read()

    def _now(self) -> float:
        return unix.now(counts_sleep=self._job["counts_sleep"])
