"""Logs in SQL: appended in chunks of whole lines, read chunk by chunk and never as a whole."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Row, Select, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry.tasks.sql.database import Database
from errandry.tasks.sql.tables import log_chunks, upsert

Stream = Literal["stdout", "stderr"]
_PAGE: Final = 16


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of one stream.

    `line` and `byte` count what the attempt had written before, in both streams together;
    `stream_line` and `stream_byte` in this one.
    """

    seq: int
    stream: Stream
    lines: int
    line: int
    byte: int
    stream_line: int
    stream_byte: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Chunks to append, and the numbers of earlier ones that the cap pushes out."""

    chunks: Sequence[Chunk] = ()
    dropped: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class LogSize:
    """What an attempt has written and what of it is kept; lines and bytes."""

    lines: int
    bytes: int
    kept_bytes: int


async def append(connection: AsyncConnection, task_id: str, attempt: int, batch: LogBatch) -> None:
    """Write a batch inside the caller's transaction."""
    key = {"task_id": task_id, "attempt": attempt}
    if batch.dropped:
        await connection.execute(
            delete(log_chunks).where(*_of(task_id, attempt), log_chunks.c.seq.in_(batch.dropped))
        )
    if batch.chunks:
        # A batch comes again when its commit was not answered.
        added = upsert(connection, log_chunks).on_conflict_do_nothing()
        await connection.execute(added, [key | _values(each) for each in batch.chunks])


def _values(chunk: Chunk) -> dict[str, Any]:
    return {
        "seq": chunk.seq,
        "stream": chunk.stream,
        "lines": chunk.lines,
        "size": len(chunk.data),
        "line": chunk.line,
        "byte": chunk.byte,
        "stream_line": chunk.stream_line,
        "stream_byte": chunk.stream_byte,
        "data": chunk.data,
    }


def _of(task_id: str, attempt: int) -> tuple[Any, Any]:
    return log_chunks.c.task_id == task_id, log_chunks.c.attempt == attempt


def _select(task_id: str, attempt: int, stream: Stream | None) -> Select[Any]:
    query = select(log_chunks).where(*_of(task_id, attempt))
    return query if stream is None else query.where(log_chunks.c.stream == stream)


async def size(database: Database, task_id: str, attempt: int, stream: Stream | None) -> LogSize:
    """Return how much an attempt has written, to one stream or (None) to both."""
    columns = log_chunks.c
    first_line, first_byte = (
        (columns.line, columns.byte)
        if stream is None
        else (columns.stream_line, columns.stream_byte)
    )
    chosen = _select(task_id, attempt, stream)
    async with database.read() as connection:
        last = await connection.execute(
            chosen.with_only_columns(
                first_line + columns.lines, first_byte + columns.size, maintain_column_froms=True
            )
            .order_by(columns.seq.desc())
            .limit(1)
        )
        row = last.first()
        sizes = await connection.execute(
            chosen.with_only_columns(columns.size, maintain_column_froms=True)
        )
        kept = sum(sizes.scalars())
    return LogSize(row[0], row[1], kept) if row else LogSize(0, 0, 0)


async def chunks(
    database: Database,
    task_id: str,
    attempt: int,
    stream: Stream | None,
    *,
    from_line: int = 0,
    backwards: bool = False,
    page_size: int = _PAGE,
) -> AsyncGenerator[Chunk]:
    """Yield chunks of one stream or (None) both, reading `page_size` at a time.

    They start with the one that holds line number `from_line` (from 0), or with the last one when
    they come backwards.
    """
    columns = log_chunks.c
    first_line = columns.line if stream is None else columns.stream_line
    query = _select(task_id, attempt, stream).where(first_line + columns.lines > from_line)
    order = columns.seq.desc() if backwards else columns.seq.asc()
    last: int | None = None
    while True:
        page = query.order_by(order).limit(page_size)
        if last is not None:
            page = page.where(columns.seq < last if backwards else columns.seq > last)
        async with database.read() as connection:
            found = (await connection.execute(page)).all()
        for row in found:
            yield _chunk(row)
        if len(found) < page_size:
            return
        last = found[-1].seq


def _chunk(row: Row[Any]) -> Chunk:
    return Chunk(
        row.seq,
        row.stream,
        row.lines,
        row.line,
        row.byte,
        row.stream_line,
        row.stream_byte,
        row.data,
    )
