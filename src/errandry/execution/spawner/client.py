"""The worker's side: `async with Spawner() as spawner: attempt = await spawner.start(job, sink)`."""

import asyncio
import socket
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from errandry.execution.spawner import unix
from errandry.execution.spawner.attempt import Attempt
from errandry.execution.spawner.helper import Helper
from errandry.execution.spawner.job import CannotStart, Job, check
from errandry.execution.spawner.output import Sink

Bound = tuple[dict[str, int], tuple[int, int] | None]
"""Limits and user stick to a keeper: it can be used again only for the same ones."""


class Spawner:
    """Runs programs so that nothing of them outlives its attempt, this worker or its lease."""

    def __init__(
        self, keep: int = 4, lock: Path | None = None, *, counts_sleep: bool = False
    ) -> None:
        """Set up; entering the context starts the helper process.

        Args:
            keep: idle keepers to hold, about 1.7 MB each; the worker's number of slots is right.
            lock: a file, made if missing, that `is_free` reports as held while anything that
                could start or hold a program of this worker lives. Several may share it.
            counts_sleep: the lease goes on while the machine sleeps, as on a database's clock.
        """
        self._keep, self._counts_sleep = keep, counts_sleep
        self._helper = Helper(lock)
        self._idle: list[tuple[Bound | None, socket.socket]] = []
        self._running: set[Attempt] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        """Start the helper process.

        Raises:
            CannotStart: no_spawner or no_resources.
        """
        try:
            self._put_back(None, await self._helper.new_keeper())
        except BaseException:
            await self._helper.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """KILL what still runs; return when nothing is left, the helper process included."""
        self._closed = True
        outcomes = [attempt.outcome for attempt in self._running]
        for attempt in self._running:
            attempt.cancel(0)
        try:
            if outcomes:
                await asyncio.wait(outcomes)
        finally:
            for outcome in outcomes:
                outcome.cancel()
            for _, control in self._idle:
                control.close()
            self._idle.clear()
            await self._helper.close()

    @property
    def pid(self) -> int | None:
        """Of the helper process."""
        return self._helper.pid

    def now(self) -> float:
        """Return the moment on the clock of the leases, in seconds."""
        return unix.now(counts_sleep=self._counts_sleep)

    async def start(self, job: Job, sink: Sink) -> Attempt:
        """Hand the job to a keeper. Whether the program starts, `Attempt.wait` tells.

        When this is cancelled nothing is left running.

        Raises:
            CannotStart: nothing was started.
        """
        check(job)
        deadline = self.now() + job.lease_s
        while not self._closed:
            idle = self._take(job)
            control = idle or await self._helper.new_keeper()
            attempt = Attempt(job, sink, control, partial(self._release, job, control))
            if await attempt.begin(deadline, counts_sleep=self._counts_sleep):
                self._running.add(attempt)
                if self._closed:  # while the job was sent
                    attempt.cancel(0)
                attempt.outcome.add_done_callback(partial(self._forget, attempt))
                return attempt
            if not idle:
                raise CannotStart("no_spawner", "a new keeper took no job")
        raise CannotStart("no_spawner", "the spawner has been closed")

    def _take(self, job: Job) -> socket.socket | None:
        for wanted in (_bound(job), None):
            for entry in self._idle:
                if entry[0] == wanted:
                    self._idle.remove(entry)
                    return entry[1]
        return None

    def _release(self, job: Job, control: socket.socket, reusable: bool) -> None:
        if reusable and "CPU" not in job.limits:  # the keeper's own time would count, too
            self._put_back(_bound(job), control)
        else:
            control.close()

    def _forget(self, attempt: Attempt, _: object) -> None:
        self._running.discard(attempt)

    def _put_back(self, bound: Bound | None, control: socket.socket) -> None:
        self._idle.append((bound, control))
        if len(self._idle) > self._keep or self._closed:
            self._idle.pop(0)[1].close()


def _bound(job: Job) -> Bound:
    return dict(job.limits), job.user
