"""One attempt, as the worker holds it."""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import Callable

from errandry.execution.spawner.job import CannotStart, Ended, Job, Lost, explain
from errandry.execution.spawner.output import Output, Sink
from errandry.execution.spawner.strays import end_strays
from errandry.execution.spawner.wire import JobMessage, Lines, Message, line

DRAIN_S = 1.0
"""How long output may come after the end of the tree, from something outside that holds a pipe."""

GIVE_UP_S = 10.0
"""How long a keeper tries to KILL; then the attempt is lost."""

SILENCE_S = 5.0
"""How much longer we wait for a keeper that hangs itself."""


class Attempt:
    """A running program; `Spawner.start` makes it.

    Whoever stops waiting for it has to `cancel` it, or it runs until its lease ends.
    """

    def __init__(
        self, job: Job, sink: Sink, control: socket.socket, release: Callable[[bool], None]
    ) -> None:
        """`release` is called once, when the keeper is free: with whether it can be used again."""
        self.pid: int | None = None
        """Of the program, once it has been started."""
        self._job, self._control, self._release = job, control, release
        self._output = Output(sink)
        self._loop = asyncio.get_running_loop()
        self._lines = Lines()
        self._held = True
        self._last: asyncio.Future[Message | None] = self._loop.create_future()
        self._abandon: asyncio.TimerHandle | None = None
        self._outcome: asyncio.Task[Ended]

    async def begin(self, deadline: float, *, counts_sleep: bool) -> bool:
        """Send the job to the keeper; when this fails or is cancelled, nothing is left of it.

        Returns:
            False when the keeper is dead, or has not read yet what was for its last job: nothing
            has been started, and this keeper is given up.

        Raises:
            CannotStart: no_resources.
        """
        files: list[int] = []
        sent = False
        try:
            self._output.open(files)
            if self._job.stdin is not None:
                files.append(_unlinked_file(self._job.stdin))
            await self._send(line(self._message(deadline, counts_sleep=counts_sleep)), files)
            sent = True
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            return False
        except OSError as error:
            raise CannotStart("no_resources", f"starting a program: {error.strerror}") from error
        finally:
            for fd in files:
                os.close(fd)
            if not sent:
                self._output.close()
                self._finish(None)
        self._loop.add_reader(self._control, self._on_control)
        self._outcome = self._loop.create_task(self._follow())
        self._outcome.add_done_callback(_mark_retrieved)
        return True

    def feed(self, lease_s: float, *, since: float) -> None:
        """Let the tree live until `lease_s` after `since`, a moment of `Spawner.now`.

        Call it after the lease has been renewed, with the moment before renewing.
        """
        self._tell({"lease": since + lease_s})

    def cancel(self, grace_s: float) -> None:
        """TERM the tree, KILL it after the grace; without grace KILL it at once.

        Another call can only shorten the grace. `wait` tells when nothing is left, or raises `Lost`
        some 15 s after the grace when the helper processes hang.
        """
        abandon_at = self._loop.time() + grace_s + GIVE_UP_S + SILENCE_S
        if self._held and (self._abandon is None or abandon_at < self._abandon.when()):
            self._tell({"end": grace_s})
            self._stop_timer()
            self._abandon = self._loop.call_at(abandon_at, self._finish, None)

    async def wait(self) -> Ended:
        """Return how it ended, after all output has been given to the sink.

        May be cancelled, called again, and called by several.

        Raises:
            CannotStart: the program did not start after all; nothing ran.
            Lost: whether it did its work is unknown.
        """
        return await asyncio.shield(self._outcome)

    @property
    def outcome(self) -> asyncio.Task[Ended]:
        """What `wait` waits for. To cancel it lets go of the keeper, which KILLs the tree."""
        return self._outcome

    async def _follow(self) -> Ended:
        try:
            last = await self._last
            lost = last is None or "lost" in last
            # The helper has swept already if it lives; on macOS only the marks can be swept.
            gone = await end_strays(self._job.marks) if lost else True
            cut = await self._output.finish(DRAIN_S)
        finally:
            self._output.close()
            self._finish(None)
        if last is None or lost:
            raise Lost(last["lost"] if last else "keeper and spawner do not answer", gone=gone)
        if "failed" in last:
            raise explain(last, self._job)
        code = last["ended"]
        return Ended(
            exit_code=code if code >= 0 else None,
            signal=_signal_name(-code) if code < 0 else None,
            why=last["why"],
            cpu_s=last["cpu_s"],
            max_rss_bytes=last["max_rss_bytes"],
            output_cut=cut,
        )

    def _message(self, deadline: float, *, counts_sleep: bool) -> JobMessage:
        job = self._job
        return JobMessage(
            argv=list(job.argv),
            cwd=str(job.cwd),
            env={**job.env, **job.marks},
            marks=dict(job.marks),
            limits=dict(job.limits),
            user=job.user,
            lease=deadline,
            counts_sleep=counts_sleep,
            give_up_s=GIVE_UP_S,
        )

    async def _send(self, data: bytes, files: list[int]) -> None:
        sent = socket.send_fds(self._control, [data], files)
        if sent < len(data):
            await self._loop.sock_sendall(self._control, data[sent:])

    def _tell(self, message: Message) -> None:
        if self._held:
            with contextlib.suppress(OSError):  # it has just ended; the last line is on its way
                self._control.send(line(message))

    def _on_control(self) -> None:
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        for message in self._lines.cut(data):
            if "started" in message:
                self.pid = message["started"]
            else:
                self._finish(message)
        if not data:
            self._finish(None)

    def _finish(self, last: Message | None) -> None:
        """Let go of the keeper after its last line, or without one."""
        if not self._held:
            return
        self._held = False
        self._stop_timer()
        self._loop.remove_reader(self._control)
        self._release(last is not None and "lost" not in last)
        if not self._last.done():
            self._last.set_result(last)

    def _stop_timer(self) -> None:
        if self._abandon:
            self._abandon.cancel()


def _unlinked_file(text: bytes) -> int:
    """A file, not a pipe: nobody has to feed a program that reads slowly or not at all."""
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.seek(0)
        return os.dup(file.fileno())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"SIG{number}"


def _mark_retrieved(outcome: asyncio.Task[Ended]) -> None:
    """Keep asyncio from complaining about an outcome that nobody asked for."""
    if not outcome.cancelled():
        outcome.exception()
