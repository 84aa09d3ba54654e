"""The keeper's end of the control socket."""

import contextlib
import socket
from typing import cast

from errandry.execution.spawner import unix
from errandry.execution.spawner.wire import JobMessage, Lines, Message, line

MAX_FILES = 3


class Channel:
    """Cuts what the worker sends into jobs and messages, in their order.

    What follows a job is for that job, even when both arrive at once; what comes between the end of
    a job and the next was meant for the first and is too late.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lines = Lines()
        self._messages: list[Message] = []
        self._files: list[int] = []
        self.open = True

    def fileno(self) -> int:
        """Return the descriptor to wait for before `read`."""
        return self._control.fileno()

    def read(self) -> None:
        """Take in what has arrived; waits when nothing has."""
        data, files = b"", list[int]()
        with contextlib.suppress(ConnectionResetError):  # gone, with unread lines of ours
            data, files = unix.receive(self._control, 65536, MAX_FILES)
        self.open = bool(data)
        self._files += files
        self._messages += self._lines.cut(data)

    def next_job(self) -> JobMessage | None:
        """Wait for a job; None when the worker is gone."""
        while self.open:
            while self._messages:
                message = self._messages.pop(0)
                if "argv" in message:
                    return cast("JobMessage", message)
            self.read()
        return None

    def take_messages(self) -> list[Message]:
        """Return what has been read since the last call."""
        taken, self._messages = self._messages, []
        return taken

    def take_files(self) -> list[int]:
        """Return the descriptors that came with the job; the caller closes them."""
        taken, self._files = self._files, []
        return taken

    def send(self, message: object) -> None:
        """Tell the worker; if it is gone, nobody needs to know."""
        with contextlib.suppress(OSError):
            self._control.sendall(line(message))
