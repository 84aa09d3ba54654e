"""The spawner process as the worker sees it."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path

from errandry.execution.spawner import unix
from errandry.execution.spawner.job import CannotStart
from errandry.execution.spawner.wire import Lines, Message

COMMAND = [
    *(sys.executable, "-I", "-S", "-E", "-X", "utf8"),
    str(Path(__file__).with_name("spawner.py")),
]
LEAVE_S = 15.0
"""How long the process may take to end, its keepers' last KILLs included."""

_TRIES = 3
_MOST_FILES = 64


class Helper:
    """Starts the process when a keeper is wanted and none runs: at first, and after it died."""

    def __init__(self, lock: Path | None) -> None:
        self._lock = lock
        self._processes: list[subprocess.Popen[bytes]] = []
        self._requests: socket.socket | None = None
        self._lines = Lines()
        self._wanted: deque[asyncio.Future[socket.socket]] = deque()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process that was started last."""
        return self._processes[-1].pid if self._processes else None

    async def new_keeper(self) -> socket.socket:
        """Return the control socket of a new keeper.

        Raises:
            CannotStart: no_spawner or no_resources.
        """
        for _ in range(_TRIES):
            if self._closed:
                raise CannotStart("no_spawner", "the spawner has been closed")
            try:
                return await self._ask(self._requests or self._connect())
            except ConnectionError:
                continue  # it died; a new one may do
            except OSError as error:
                raise CannotStart("no_spawner", f"starting the spawner process: {error}") from error
        raise CannotStart("no_spawner", f"the spawner process died {_TRIES} times")

    async def close(self) -> None:
        """Give no more keepers; return when the process has ended, after its last keeper."""
        self._closed = True
        self._disconnect()
        await asyncio.to_thread(self._wait)

    def _wait(self) -> None:
        for process in self._processes:
            try:
                process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:  # stopped; its keepers end without it
                process.kill()
                process.wait()

    async def _ask(self, requests: socket.socket) -> socket.socket:
        try:
            requests.send(b"+")
        except ConnectionError:
            self._disconnect()
            raise
        answer: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        self._wanted.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if not answer.cancelled() and not answer.exception():
                answer.result().close()  # it had come just before we were cancelled
            raise

    def _connect(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._launch(theirs)
        except OSError:
            ours.close()
            raise
        self._processes = [old for old in self._processes if old.poll() is None] + [process]
        ours.setblocking(False)
        self._requests, self._lines = ours, Lines()
        asyncio.get_running_loop().add_reader(ours, self._on_answer, ours)
        return ours

    def _launch(self, requests: socket.socket) -> subprocess.Popen[bytes]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        lock = [os.open(self._lock, flags, 0o600)] if self._lock else []
        try:
            return subprocess.Popen(  # noqa: S603 (our own file)
                [*COMMAND, *map(str, lock)],
                stdin=requests.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=lock,
                env={name: text for name, text in os.environ.items() if name == unix.PORTABLE},
            )
        finally:
            for fd in lock:
                os.close(fd)

    def _disconnect(self) -> None:
        if self._requests:
            asyncio.get_running_loop().remove_reader(self._requests)
            self._requests.close()
            self._requests = None
        wanted, self._wanted = self._wanted, deque()
        for answer in wanted:
            if not answer.done():
                answer.set_exception(ConnectionResetError())

    def _on_answer(self, requests: socket.socket) -> None:
        try:
            data, files = unix.receive(requests, 4096, _MOST_FILES)
        except BlockingIOError:
            return
        except OSError:
            data, files = b"", []
        for message in self._lines.cut(data):
            self._settle(self._wanted.popleft(), message, files)
        if not data:
            self._disconnect()

    def _settle(
        self, answer: asyncio.Future[socket.socket], message: Message, files: list[int]
    ) -> None:
        if number := message.get("error", 0 if files else errno.EMFILE):  # EMFILE: cut on receipt
            if not answer.done():
                answer.set_exception(CannotStart("no_resources", os.strerror(number)))
            return
        control = socket.socket(fileno=files.pop(0))
        control.setblocking(False)
        if answer.done():  # its caller was cancelled
            control.close()
        else:
            answer.set_result(control)
