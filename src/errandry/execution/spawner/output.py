"""The output of one program: two pipes that the event loop reads into a sink."""

import asyncio
import contextlib
import os
from collections.abc import Callable

from errandry.execution.spawner.job import Stream

Sink = Callable[[Stream, bytes], None]
"""Takes output as it comes, in pieces of at most 64 KiB. Runs in the event loop; must not raise."""

_PIECE = 65536
_PIECES_IN_PIPE = 16
"""A pipe never holds more than 1 MiB on Linux unless root asked for it (pipe(7))."""


class Output:
    """Reads both pipes until their end, one piece per turn of the loop, so nothing else starves."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._open: dict[int, Stream] = {}
        self._finished = asyncio.Event()

    def open(self, write_ends: list[int]) -> None:
        """Make the pipes and add the ends for the program to the list; the caller closes these.

        Raises:
            OSError: no more descriptors.
        """
        streams: tuple[Stream, Stream] = ("stdout", "stderr")
        for stream in streams:
            read, write = os.pipe()
            write_ends.append(write)
            self._open[read] = stream
            os.set_blocking(read, False)
            self._loop.add_reader(read, self._read, read)

    async def finish(self, seconds: float) -> bool:
        """Wait for the end of both streams, but not longer; tell whether one had to be cut."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._finished.wait()
        for fd in list(self._open):
            for _ in range(_PIECES_IN_PIPE):  # the loop may have been late, not the program
                if not self._read(fd):
                    break
        cut = bool(self._open)
        self.close()
        return cut

    def close(self) -> None:
        """Read no more."""
        for fd in list(self._open):
            self._close(fd)

    def _read(self, fd: int) -> bool:
        try:
            data = os.read(fd, _PIECE)
        except BlockingIOError:
            return False
        if data:
            self._sink(self._open[fd], data)
        else:
            self._close(fd)
        return bool(data)

    def _close(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        os.close(fd)
        del self._open[fd]
        if not self._open:
            self._finished.set()
