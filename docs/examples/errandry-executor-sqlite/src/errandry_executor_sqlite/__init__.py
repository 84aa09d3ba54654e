"""`run: sqlite`: one query on an SQLite file, as an executor for errandry."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from errandry.plugin import Attempt, Executor, Failed, Fault, Json, NotStartable, Spec

LIMIT = 1000
_STEP = 100
_NAMES = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | :([A-Za-z_]\w*)""",
    re.DOTALL | re.VERBOSE,
)
"""Quoted text and comments, so that they are passed over, and the names of parameters."""


class SqliteExecutor(Executor):
    """Reads rows; it never writes."""

    schema = {
        "type": "object",
        "properties": {
            "database": {"type": "string", "pattern": "^/"},
            "query": {"type": "string", "minLength": 1},
            "limit": {"type": "integer", "minimum": 1, "maximum": 10_000},
        },
        "required": ["database", "query"],
        "additionalProperties": False,
    }

    def faults(self, spec: Spec) -> Iterator[Fault]:
        """Say which names in the query are those of no parameter."""
        for name in _names(spec.fields["query"]):
            if name not in spec.parameters:
                yield Fault("/query", f":{name} names no parameter", sorted(spec.parameters))

    async def run(self, attempt: Attempt) -> Json:
        """Run the query in a thread, so that a cancel can interrupt it."""
        connection = _opened(Path(attempt.fields["database"]))
        try:
            return await asyncio.to_thread(_read, connection, attempt)
        except asyncio.CancelledError:
            attempt.log("interrupted")
            connection.interrupt()
            raise
        except (sqlite3.Error, OverflowError) as error:
            raise Failed(f"The query failed: {error}") from error


def _names(query: str) -> list[str]:
    return sorted({match[1] for match in _NAMES.finditer(query) if match[1]})


def _opened(file: Path) -> sqlite3.Connection:
    if not file.is_file():
        raise NotStartable(f"There is no file {file}")
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, check_same_thread=False)


def _read(connection: sqlite3.Connection, attempt: Attempt) -> Json:
    query, limit = attempt.fields["query"], attempt.fields.get("limit", LIMIT)
    attempt.log(query)
    cursor = connection.execute(
        query, {name: _bound(attempt.arguments.get(name)) for name in _names(query)}
    )
    names = [column[0] for column in cursor.description or ()]
    rows: list[dict[str, Json]] = []
    while len(rows) <= limit and (more := cursor.fetchmany(_STEP)):
        rows += [dict(zip(names, map(_shown, row), strict=True)) for row in more]
        attempt.progress(min(len(rows), limit), limit, "rows")
    attempt.log(f"{min(len(rows), limit)} rows")
    return {"rows": rows[:limit], "truncated": len(rows) > limit}


def _bound(value: Json) -> str | int | float | None:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _shown(value: str | float | bytes | None) -> Json:
    return value.hex() if isinstance(value, bytes) else value
