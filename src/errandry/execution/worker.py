"""A worker: runs claimed attempts, reports what they write, and ends them in the store."""

import logging
import os
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import anyio
from anyio.abc import TaskGroup

from errandry.commands.model import Command
from errandry.commands.snapshots import command_of
from errandry.errors import ErrandryError, Unavailable
from errandry.execution.executors.port import OTHER, Executor, Leased
from errandry.execution.running import RunningAttempt
from errandry.execution.secrets import Secrets
from errandry.status.bus import StatusBus
from errandry.tasks.model import Task, TaskError
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import claims, endings, reports
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.reports import Report

_log = logging.getLogger(__name__)

Written = TypeVar("Written")

LEASE_SHARE: Final = 0.75
"""A tree whose lease is not renewed is dead after this share of it, before anybody takes it over."""

_REPORT_S: Final = 0.25
_PAUSE_S: Final = 1.0
_LOOK_S: Final = 0.05
_KILL_S: Final = 15.0  # a tree that KILL cannot end in so long is left to the recovery


def new_name() -> str:
    """Return a name that no worker has had: host, process, chance."""
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:60]
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Times in seconds, sizes in bytes."""

    lease_s: float
    grace_s: float
    retention_s: float
    log_limit_bytes: int


def _internal(claim: Claim) -> Ending:
    message = "The server failed to carry out the attempt; its log says why"
    return Ending("failed", error=TaskError("internal", message, attempt=claim.attempt))


def policy_of(command: Command) -> RetryPolicy:
    """Return when a command's attempts are followed by others."""
    retry = command.retry
    return RetryPolicy(retry.max_attempts, retry.base_s, retry.cap_s, command.on_crash)


class Worker:
    """Holds the attempts that run in this process.

    Args:
        folder: where its attempts may make files; named after the worker.
        executors: by the key of `run`; that of `OTHER` carries out the rest.
        on_free: called when an attempt has ended, since there is room for another then.
        secrets: where the secrets of commands are; by default the environment alone.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        database: Database,
        bus: StatusBus,
        executors: Mapping[str, Executor],
        leased: Sequence[Leased],
        settings: WorkerSettings,
        on_free: Callable[[], None],
        secrets: Secrets | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.outcomes: Counter[str] = Counter()
        self._folder = folder
        self._database = database
        self._bus = bus
        self._executors = executors
        self._leased = leased
        self._on_free = on_free
        self._secrets = secrets or Secrets()
        self._running: dict[tuple[str, int], RunningAttempt] = {}
        self._group: TaskGroup | None = None
        self._busy = anyio.Event()

    @property
    def running(self) -> int:
        """How many attempts it holds."""
        return len(self._running)

    @property
    def held(self) -> set[tuple[str, int]]:
        """The attempts that it holds: task id and number."""
        return set(self._running)

    async def run(self) -> None:
        """Report what attempts write until cancelled; then wait for their end."""
        async with anyio.create_task_group() as self._group:
            await self._keep_reporting()

    def take(self, claim: Claim, claimed_at: float) -> None:
        """Start an attempt that was claimed at that moment (monotonic, from before the claim)."""
        if self._group is None:
            raise RuntimeError("the worker does not run")
        try:
            command = command_of(claim.document)
        except ErrandryError:
            _log.exception("a stored definition cannot be read", extra={"task_id": claim.task_id})
            self._group.start_soon(self._end, claim, _internal(claim), RetryPolicy(), None)
            return
        attempt = RunningAttempt(
            claim,
            command,
            self._folder,
            self._secrets,
            lease_until=claimed_at + LEASE_SHARE * self.settings.lease_s,
            grace_s=self.settings.grace_s,
            log_limit_bytes=self.settings.log_limit_bytes,
        )
        self._running[claim.task_id, claim.attempt] = attempt
        self._busy.set()
        self._bus.publish(claim.task_id, claim.owner)
        self._group.start_soon(self._carry_out, attempt, command)

    def cancel(self, task_id: str, attempt: int) -> None:
        """End an attempt, if it is held here: TERM, grace, KILL."""
        if running := self._running.get((task_id, attempt)):
            running.stop("cancelled")

    def lose(self, task_id: str, attempt: int) -> None:
        """End an attempt at once that is ours no more: another may be on its way elsewhere."""
        if running := self._running.get((task_id, attempt)):
            _log.warning("an attempt was taken back while it ran here", extra={"task_id": task_id})
            running.stop("stopped", grace_s=0)

    async def drain(self, seconds: float) -> None:
        """Put back what has not started, wait so long for the rest, then end it at once."""
        for attempt in list(self._running.values()):
            if not attempt.started:
                attempt.stop("stopped")
        with anyio.move_on_after(seconds):
            await self._until_empty()
        self.end_all()
        with anyio.move_on_after(_KILL_S):
            await self._until_empty()

    async def _until_empty(self) -> None:
        while self._running:
            await anyio.sleep(_LOOK_S)

    def end_all(self) -> None:
        """End every attempt without grace; each is lost."""
        for attempt in list(self._running.values()):
            attempt.stop("stopped", grace_s=0)
        for executor in self._leased:
            executor.kill()

    def feed(self, renewed_at: float) -> None:
        """Let the attempts live on.

        Their lease was renewed; `renewed_at` (monotonic) is a moment before it was.
        """
        for executor in self._leased:
            executor.feed(renewed_at + LEASE_SHARE * self.settings.lease_s)

    async def _carry_out(self, attempt: RunningAttempt, command: Command) -> None:
        claim = attempt.claim
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch_for_cancel, claim)
                ending = await self._run(attempt, command)
                group.cancel_scope.cancel()
            if ending is None:
                await self._put_back(claim)
            else:
                await self._end(claim, ending, policy_of(command), attempt.report(last=True))
        finally:
            del self._running[claim.task_id, claim.attempt]
            if not self._running:
                self._busy = anyio.Event()
            self._bus.publish(claim.task_id, claim.owner)
            self._on_free()

    async def _run(self, attempt: RunningAttempt, command: Command) -> Ending | None:
        try:
            executor = self._executors.get(command.run.executor) or self._executors[OTHER]
            return await attempt.carry_out(executor)
        except Exception:  # noqa: BLE001 - the task must end, whatever its executor does
            _log.exception("an executor failed", extra={"task_id": attempt.claim.task_id})
            return _internal(attempt.claim)

    async def _end(
        self, claim: Claim, ending: Ending, policy: RetryPolicy, last: Report | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            try:
                task = await self._finish(claim, ending, policy, last)
            except Exception:  # noqa: BLE001 - an end that cannot be written must not end the server
                _log.exception("an end cannot be recorded", extra={"task_id": claim.task_id})
                task = await self._finish(claim, _internal(claim), RetryPolicy(), None)
            if task is None:
                _log.warning("an attempt ended late", extra={"task_id": claim.task_id})
            else:
                self.outcomes[ending.outcome] += 1

    async def _finish(
        self, claim: Claim, ending: Ending, policy: RetryPolicy, last: Report | None
    ) -> Task | None:
        retention_s = self.settings.retention_s
        return await self._insist(
            lambda: endings.finish(
                self._database, claim.task_id, claim.attempt, ending, policy, retention_s, last
            )
        )

    async def _put_back(self, claim: Claim) -> None:
        with anyio.CancelScope(shield=True):
            await self._insist(lambda: endings.release(self._database, claim))

    async def _insist(self, write: Callable[[], Awaitable[Written]]) -> Written:
        """Write how an attempt ended, as often as it takes: nobody else knows it."""
        while True:
            try:
                return await write()
            except Unavailable:
                _log.warning("cannot record the end of an attempt yet")
                await anyio.sleep(_PAUSE_S)

    async def _watch_for_cancel(self, claim: Claim) -> None:
        """Look whether the end was asked for each time something about the task changes."""
        with self._bus.subscribe([claim.task_id]) as subscription:
            while True:
                if await subscription.wait(self.settings.lease_s) and await self._is_cancelled(
                    claim
                ):
                    self.cancel(claim.task_id, claim.attempt)
                    return

    async def _is_cancelled(self, claim: Claim) -> bool:
        try:
            return await claims.cancel_requested(self._database, claim.task_id, claim.attempt)
        except Unavailable:
            return False  # the heartbeat asks again

    async def _keep_reporting(self) -> None:
        """Store logs four times a second, all attempts together, and wake who follows them."""
        while True:
            await self._busy.wait()
            await anyio.sleep(_REPORT_S)
            fresh = [
                (attempt.claim, report)
                for attempt in self._running.values()
                if (report := attempt.report())
            ]
            if fresh:
                await self._store(fresh)

    async def _store(self, fresh: list[tuple[Claim, Report]]) -> None:
        while True:
            try:
                await reports.report(self._database, [report for _, report in fresh])
            except Unavailable:  # what they wrote since is kept in their captures, within the cap
                _log.warning("cannot store logs yet")
                await anyio.sleep(_PAUSE_S)
                continue
            break
        for claim, _ in fresh:
            self._bus.publish(claim.task_id, claim.owner, outdated=False)
