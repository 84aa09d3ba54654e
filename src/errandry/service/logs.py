"""Reading logs: a page that fits a budget, or the raw bytes."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import re2

from errandry.errors import Fault, InvalidField
from errandry.principal import Principal
from errandry.service.forms import ReadLog
from errandry.tasks import cursor
from errandry.tasks.logview import Ansi, LogPage, LogStream, Page, clean, split_lines
from errandry.tasks.model import Task
from errandry.tasks.sql import logs, reading
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.logs import LogSize, Stream

_ERROR: Final = re2.compile(
    rb"(?i)\b(error|exception|traceback|fatal|panic|failed|failure|critical|segfault|denied)\b"
)


class Line(NamedTuple):
    """A line and its number, from 0."""

    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Log:
    """One stream (None = both) of one attempt."""

    database: Database
    task: Task
    attempt: int
    stream: Stream | None

    async def size(self) -> LogSize:
        return await logs.size(self.database, self.task.id, self.attempt, self.stream)

    async def forwards(self, from_line: int = 0) -> AsyncGenerator[Line]:
        async for chunk in logs.chunks(
            self.database, self.task.id, self.attempt, self.stream, from_line=from_line
        ):
            first = chunk.line if self.stream is None else chunk.stream_line
            for number, raw in enumerate(split_lines(chunk.data), first):
                if number >= from_line:
                    yield Line(number, raw)

    async def backwards(self) -> AsyncGenerator[Line]:
        async for chunk in logs.chunks(
            self.database, self.task.id, self.attempt, self.stream, backwards=True
        ):
            first = chunk.line if self.stream is None else chunk.stream_line
            for number, raw in reversed(list(enumerate(split_lines(chunk.data), first))):
                yield Line(number, raw)


@dataclass(frozen=True, slots=True)
class LogService:
    """Logs of tasks, for callers who may read them."""

    database: Database

    async def read(self, caller: Principal, reference: str, wanted: ReadLog) -> LogPage:
        """Return one page of a log.

        Raises:
            TaskNotFound, AmbiguousAlias: there is no such task for the caller.
            InvalidField: a pattern that is none, a cursor of another log, an attempt not made yet.
        """
        log = await self._open(caller, reference, wanted.attempt, wanted.stream)
        size = await log.size()
        page = Page(wanted.max_bytes, fold=wanted.fold, ansi=wanted.ansi)
        start = _position(wanted, log.attempt)
        match wanted.mode:
            case "tail":
                await _tail(page, log, wanted.lines)
            case "head":
                await _head(page, log, 0, wanted.lines)
            case "since":
                await _head(page, log, start, wanted.lines)
            case "grep":
                await _grep(page, log, start, wanted)
            case "around_error":
                await _around_error(page, log, wanted.lines)
        behind = (
            size.lines if wanted.mode == "tail" else start if page.last is None else page.last + 1
        )
        return LogPage(
            text=page.text(),
            cursor=cursor.encode(log.attempt, wanted.stream, behind),
            from_line=None if page.first is None else page.first + 1,
            to_line=None if page.last is None else page.last + 1,
            total_lines=size.lines,
            total_bytes=size.bytes,
            omitted_lines=size.lines - page.lines,
            omitted_bytes=max(0, size.bytes - page.raw_bytes),
            folded_lines=page.folded_lines,
            lost_bytes=size.bytes - size.kept_bytes,
            attempt=log.attempt,
            final=log.task.state.is_final,
        )

    async def raw(
        self, caller: Principal, reference: str, attempt: int | None, stream: LogStream
    ) -> AsyncIterator[bytes]:
        """Return the kept bytes of a log, chunk by chunk; see `read` for what is refused."""
        log = await self._open(caller, reference, attempt, stream)

        async def read() -> AsyncGenerator[bytes]:
            async for chunk in logs.chunks(self.database, log.task.id, log.attempt, log.stream):
                yield chunk.data

        return read()

    async def tail(self, task: Task, max_bytes: int) -> str:
        """Return the end of a task's log, at most so many bytes; the caller may see the task."""
        page = Page(max_bytes, fold=True, ansi="strip")
        await _tail(page, _Log(self.database, task, task.attempt, None), 200)
        return page.text()

    async def _open(
        self, caller: Principal, reference: str, attempt: int | None, stream: LogStream
    ) -> _Log:
        caller.require("tasks:read", "tasks:approve")
        task = await reading.get(self.database, caller, reference)
        if attempt is not None and attempt > task.attempt:
            message = f"The task has had {task.attempt} attempts"
            allowed = f"1 … {task.attempt}" if task.attempt else None
            raise InvalidField(message, faults=[Fault("?attempt", message, allowed)])
        chosen: Stream | None = None if stream == "both" else stream
        return _Log(self.database, task, attempt or task.attempt, chosen)


def _position(wanted: ReadLog, attempt: int) -> int:
    """The line (from 0) behind the cursor; 0 without one."""
    if wanted.cursor is None or wanted.mode not in ("since", "grep"):
        return 0
    of_attempt, of_stream, line = cursor.decode(wanted.cursor, int, str, int)
    if (of_attempt, of_stream) != (attempt, wanted.stream):
        message = f"This cursor belongs to attempt {of_attempt}, stream {of_stream}"
        raise InvalidField(message, faults=[Fault("?cursor", message, "a cursor of the same log")])
    return int(line)


async def _tail(page: Page, log: _Log, lines: int) -> None:
    async for number, raw in log.backwards():
        if page.lines >= lines or not page.prepend(number, raw):
            return


async def _head(page: Page, log: _Log, start: int, lines: int) -> None:
    async for number, raw in log.forwards(start):
        if page.lines >= lines or not page.append(number, raw):
            return


async def _grep(page: Page, log: _Log, start: int, wanted: ReadLog) -> None:
    pattern = _compile(wanted.pattern)
    before: deque[Line] = deque(maxlen=wanted.context)
    behind = 0
    async for line in log.forwards(start):
        if pattern.search(_shown(line.raw, wanted.ansi)):
            if page.last is not None and page.last + 1 < (before[0] if before else line).number:
                page.separate()
            shown = all(page.append(*each) for each in (*before, line))
            before.clear()
            behind = wanted.context
        elif behind:
            shown = page.append(*line)
            behind -= 1
        else:
            before.append(line)
            continue
        if not shown or page.lines >= wanted.lines:
            return


def _shown(raw: bytes, ansi: Ansi) -> bytes:
    """What a reader sees of a line: a colour must not hide the word behind it from a pattern."""
    return clean(raw, ansi).encode() if b"\x1b" in raw else raw


def _compile(pattern: str | None) -> "re2._Regexp":
    if pattern is None:
        message = "mode=grep needs a pattern"
        raise InvalidField(
            message, faults=[Fault("?pattern", message, "a regular expression (RE2)")]
        )
    try:
        return re2.compile(pattern.encode())
    except re2.error as error:
        message = f"The pattern is no regular expression that runs in linear time: {_text(error)}"
        raise InvalidField(
            message,
            faults=[Fault("?pattern", message, "RE2 syntax: no look-around, no back-references")],
        ) from error


def _text(error: re2.error) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


async def _around_error(page: Page, log: _Log, lines: int) -> None:
    """Show the first line that tells of an error, growing in both directions from it."""
    before: deque[Line] = deque(maxlen=lines)
    following = log.forwards()
    async for line in following:
        if _ERROR.search(_shown(line.raw, "strip")):
            page.append(*line)
            break
        before.append(line)
    else:
        await _tail(page, log, lines)
        return
    room = True
    while room and page.lines < lines:
        room = bool(before) and page.prepend(*before.pop())
        after = await anext(following, None)
        if after is not None and page.lines < lines:
            room = page.append(*after) or room
    await following.aclose()
