"""What an attempt writes: cut into lines, capped, and handed on in chunks for the log.

A cap keeps the head and the tail; what falls out between is counted. Reading never stops, so a
program is never blocked by its own output.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from errandry.execution.redact import Redaction, Redactor
from errandry.tasks.logview import clean
from errandry.tasks.sql.logs import Chunk, LogBatch, Stream

MAX_LINE: Final = 64 * 1024
"""Bytes; a longer line is cut into several."""

TAIL_BYTES: Final = 8 * 1024
"""How much of the end of each stream goes into the task's result or error."""

_CHUNK: Final = 64 * 1024
_CHUNK_OVERHEAD: Final = (
    100  # what a chunk costs besides its bytes, so that tiny ones are bounded, too
)
_PROGRESS: Final = b"::progress "
_LAST_LINE_CHARACTERS: Final = 500
_NOTHING_HIDDEN: Final = Redaction()


class Tail:
    """The last 8 KiB of a stream."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.truncated = False

    def feed(self, data: bytes) -> None:
        """Add data at the end."""
        self._data += data
        if len(self._data) > TAIL_BYTES:
            self.truncated = True
            del self._data[:-TAIL_BYTES]

    def text(self) -> str:
        """The end as text; NUL, which no database text can hold, becomes U+FFFD."""
        return self._data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


@dataclass(slots=True)
class _Written:
    """What was written before a point: lines and bytes."""

    lines: int = 0
    bytes: int = 0

    def add(self, lines: int, size: int) -> None:
        self.lines += lines
        self.bytes += size


class Capture:
    """Takes the bytes of stdout and stderr; gives chunks of whole lines to whoever stores them.

    `on_progress` gets the JSON text of each `::progress {…}` line of stdout, which is no log. What
    `redaction` hides never gets in.
    """

    def __init__(
        self,
        limit_bytes: int,
        on_progress: Callable[[bytes], None],
        redaction: Redaction = _NOTHING_HIDDEN,
    ) -> None:
        self._head_left = self._tail_limit = limit_bytes // 2
        self._on_progress = on_progress
        self._redactors: dict[Stream, Redactor] = {
            "stdout": redaction.stream(),
            "stderr": redaction.stream(),
        }
        self._partial: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self._written: dict[Stream, _Written] = {"stdout": _Written(), "stderr": _Written()}
        self._written_by_both = _Written()
        self._open: tuple[Stream, bytearray] = ("stdout", bytearray())
        self._next_seq = 0
        self._fresh: dict[int, Chunk] = {}
        self._tail: deque[tuple[int, int]] = deque()  # (seq, cost) of what is kept behind the head
        self._tail_cost = 0
        self._dropped: list[int] = []
        self.tails: dict[Stream, Tail] = {"stdout": Tail(), "stderr": Tail()}
        self.last_line: str | None = None

    @property
    def is_dirty(self) -> bool:
        """Whether there is something to store."""
        return bool(self._open[1] or self._fresh or self._dropped)

    def feed(self, stream: Stream, data: bytes) -> None:
        """Take what the program has written."""
        self._take(stream, self._redactors[stream].feed(data))

    def _take(self, stream: Stream, data: bytes) -> None:
        data = self._partial[stream] + data
        end = data.rfind(b"\n") + 1
        while len(data) - end >= MAX_LINE:
            end += MAX_LINE
        self._partial[stream] = data[end:]
        if end:
            self._add(stream, data[:end])

    def close(self) -> None:
        """Take last lines that have no end."""
        for stream, redactor in self._redactors.items():
            self._take(stream, redactor.close())
            if rest := self._partial[stream]:
                self._add(stream, rest)
            self._partial[stream] = b""

    def take(self) -> LogBatch:
        """Return what is to be stored since the last call."""
        self._close_chunk()
        batch = LogBatch(tuple(self._fresh.values()), tuple(self._dropped))
        self._fresh.clear()
        self._dropped.clear()
        return batch

    def _add(self, stream: Stream, data: bytes) -> None:
        if stream == "stdout" and _PROGRESS in data:
            data = self._without_progress(data)
        if not data:
            return
        self.tails[stream].feed(data)
        self.last_line = _last_line(data) or self.last_line
        open_stream, collected = self._open
        if open_stream != stream or len(collected) + len(data) > _CHUNK:
            self._close_chunk()
            self._open = (stream, bytearray())
        self._open[1].extend(data)

    def _without_progress(self, data: bytes) -> bytes:
        kept = []
        for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
            if line.startswith(_PROGRESS):
                self._on_progress(line[len(_PROGRESS) :])
            else:
                kept.append(line)
        return b"".join(kept)

    def _close_chunk(self) -> None:
        stream, collected = self._open
        if not collected:
            return
        data = bytes(collected)
        collected.clear()
        lines, before = data.count(b"\n") + (not data.endswith(b"\n")), self._written[stream]
        chunk = Chunk(
            seq=self._next_seq,
            stream=stream,
            lines=lines,
            line=self._written_by_both.lines,
            byte=self._written_by_both.bytes,
            stream_line=before.lines,
            stream_byte=before.bytes,
            data=data,
        )
        before.add(lines, len(data))
        self._written_by_both.add(lines, len(data))
        self._next_seq += 1
        self._keep(chunk)

    def _keep(self, chunk: Chunk) -> None:
        cost = len(chunk.data) + _CHUNK_OVERHEAD
        self._fresh[chunk.seq] = chunk
        if self._head_left > 0:
            self._head_left -= cost
            return
        self._tail.append((chunk.seq, cost))
        self._tail_cost += cost
        while self._tail_cost > self._tail_limit and len(self._tail) > 1:
            seq, cost = self._tail.popleft()
            self._tail_cost -= cost
            if self._fresh.pop(seq, None) is None:
                self._dropped.append(seq)


def _last_line(data: bytes) -> str | None:
    """The last line that is not blank, as text of at most 500 characters."""
    for line in reversed(data.rsplit(b"\n", 3)):
        if text := clean(line[-4 * _LAST_LINE_CHARACTERS :], "strip").strip():
            return text[-_LAST_LINE_CHARACTERS:]
    return None
