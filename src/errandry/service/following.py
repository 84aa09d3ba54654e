"""How far a reader has come with one task, and what there is for it since."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from errandry.errors import Fault, InvalidField
from errandry.principal import Principal
from errandry.service.frames import Frame
from errandry.service.statistics import Statistics
from errandry.tasks import cursor, wire
from errandry.tasks.logview import clean, split_lines
from errandry.tasks.model import Event, Progress, Task
from errandry.tasks.sql import logs, reading
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.logs import Chunk

_EVENTS: Final = 100
_CHUNKS: Final = 4  # of at most 64 KiB


@dataclass(slots=True)
class LogPosition:
    """The next line (from 0) to be shown of an attempt's log."""

    attempt: int
    line: int


def log_position(after: str | None, task: Task) -> LogPosition:
    """Return the position behind a cursor, without one the beginning of the current attempt.

    Raises:
        InvalidField: it is no cursor of both streams of an attempt of this task.
    """
    if after is None:
        return LogPosition(task.attempt, 0)
    attempt, stream, line = cursor.decode(after, int, str, int)
    is_there = 0 <= int(attempt) <= task.attempt and 0 <= int(line) < 2**63
    if stream != "both" or not is_there:
        message = f"This cursor belongs to attempt {attempt}, stream {stream}"
        allowed = f"a cursor of both streams, of attempt 1 … {task.attempt}"
        raise InvalidField(message, faults=[Fault("?log_cursor", message, allowed)])
    return LogPosition(int(attempt), int(line))


class Follower:
    """Looks at one task again and again; each look finds a bounded number of frames.

    `position` is None when the log is not wanted. `has_all` says whether the last look found all
    that there was, `is_done` whether nothing can follow.
    """

    def __init__(
        self,
        database: Database,
        statistics: Statistics,
        caller: Principal,
        task_id: str,
        after: int,
        position: LogPosition | None,
    ) -> None:
        self.task_id = task_id
        self.has_all = False
        self.is_done = False
        self._database = database
        self._statistics = statistics
        self._caller = caller
        self._after = after
        self._position = position
        self._shown: tuple[Progress | None, str | None] = (None, None)

    async def look(self) -> list[Frame]:
        """Return what is new. All that an attempt has written comes before the event of its end.

        Raises:
            TaskNotFound: the task is not there for the caller any more.
        """
        task, events = await reading.get_with_events(
            self._database, self._caller, self.task_id, _EVENTS, self._after
        )
        ends = (number for number, event in enumerate(events) if _is_end(event, task))
        end = next(ends, len(events))
        frames = self._history(events[:end]) + await self._progress(task)
        written = await self._log(task, self._position) if self._position else []
        frames += written
        self.has_all = len(events) < _EVENTS and len(written) < _CHUNKS
        if len(written) < _CHUNKS:
            frames += self._history(events[end:])
        self.is_done = self.has_all and task.state.is_final
        return frames

    def _history(self, events: list[Event]) -> list[Frame]:
        if events:
            self._after = events[-1].seq
        return [Frame(event.type, wire.event(event), event.seq) for event in events]

    async def _progress(self, task: Task) -> list[Frame]:
        now = (task.progress, task.last_line)
        if now == self._shown:
            return []
        self._shown = now
        poll_after_ms = await self._statistics.poll_after_ms(task)
        return [Frame("progress", wire.status(task, poll_after_ms))]

    async def _log(self, task: Task, position: LogPosition) -> list[Frame]:
        frames: list[Frame] = []
        for attempt in range(position.attempt, task.attempt + 1):
            if attempt > position.attempt:
                position.attempt, position.line = attempt, 0
            pages = logs.chunks(
                self._database,
                self.task_id,
                attempt,
                None,
                from_line=position.line,
                page_size=_CHUNKS,
            )
            async with aclosing(pages) as chunks:
                async for chunk in chunks:
                    frames.append(_log_frame(attempt, chunk, position.line))
                    position.line = chunk.line + chunk.lines
                    if len(frames) == _CHUNKS:
                        return frames
        return frames


def _is_end(event: Event, task: Task) -> bool:
    """Whether the event says that the current attempt, or the task, has ended."""
    return event.type == "finished" or (
        event.type == "attempt_finished" and event.attempt == task.attempt
    )


def _log_frame(attempt: int, chunk: Chunk, from_line: int) -> Frame:
    lines = split_lines(chunk.data)[max(0, from_line - chunk.line) :]
    data = {
        "attempt": attempt,
        "stream": chunk.stream,
        "cursor": cursor.encode(attempt, "both", chunk.line + chunk.lines),
        "text": "".join(clean(line, "strip") + "\n" for line in lines),
    }
    return Frame("log", data)
