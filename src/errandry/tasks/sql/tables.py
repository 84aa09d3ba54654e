"""The tables. Changing one needs a migration under `migrations/versions`."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from errandry.clock import parse_rfc3339, rfc3339

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite has no such type: there it is text as on the wire, which sorts."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use the database's own type where it keeps the zone."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(24))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a moment."""
        return rfc3339(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read a moment."""
        return parse_rfc3339(value) if isinstance(value, str) else value


def upsert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that can say what to do about a row that is there already."""
    is_postgresql = connection.dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def _json() -> JSON:
    return JSON(none_as_null=True)


def _partial(name: str, condition: str, *columns: str | TextClause, unique: bool = False) -> Index:
    """An index of the rows that meet a condition: the others cost it nothing."""
    where = text(condition)
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


command_versions = Table(
    "command_versions",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("document", _json(), nullable=False),
    Column("first_used_at", UtcTime, nullable=False),
)
"""The definitions that tasks were made from, each kept once, as it was written."""

alias_counters = Table(
    "alias_counters",
    metadata,
    Column("owner_iss", String(255), primary_key=True),
    Column("owner_sub", String(255), primary_key=True),
    Column("command", String(64), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The number of the newest alias of an owner and command; a deleted alias never comes back."""

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("alias", String(96), nullable=False, index=True),
    Column("owner_iss", String(255), nullable=False),
    Column("owner_sub", String(255), nullable=False),
    Column("command", String(64), nullable=False),
    Column("command_digest", ForeignKey("command_versions.digest"), nullable=False),
    Column("arguments", _json(), nullable=False),
    Column("title", Text),
    Column("labels", _json(), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("idempotency_key", String(255)),
    Column("request_hash", String(64)),
    Column("state", String(20), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("progress", _json()),
    Column("last_line", Text),
    Column("attempt", Integer, nullable=False),
    Column("delivery", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("on_crash", String(5), nullable=False),
    Column("result", _json()),
    Column("error", _json()),
    Column("input_requests", _json()),
    Column("questions", _json()),
    Column("approval", _json()),
    Column("retry_of", String(36)),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("run_at", UtcTime),
    Column("queued_at", UtcTime),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("expires_at", UtcTime),
    Column("expires_in_s", Float),
    Column("keep_s", Float),
    Column("worker", String(100)),
    Column("lease_until", UtcTime),
    Column("concurrency_key", String(255)),
    Column("concurrency_limit", Integer),
    Column("concurrency_slot", Integer),
    UniqueConstraint("owner_iss", "owner_sub", "alias"),
    UniqueConstraint("owner_iss", "owner_sub", "idempotency_key"),
    Index("ix_tasks_newest", "owner_iss", "owner_sub", "created_at", "id"),
    Index("ix_tasks_all_newest", "created_at", "id"),
    Index("ix_tasks_queue", "state", text("priority DESC"), "queued_at", "id"),
    Index("ix_tasks_expiry", "expires_at"),
    _partial(
        "ix_tasks_unfinished",
        "finished_at IS NULL",
        "owner_iss",
        "owner_sub",
        "created_at",
        "id",
        "state",
    ),
    _partial(
        "ix_tasks_runs", "finished_at IS NOT NULL", "command", "finished_at", "started_at", "state"
    ),
    _partial(
        "ix_tasks_keys",
        "concurrency_key IS NOT NULL",
        "state",
        "concurrency_key",
        text("priority DESC"),
        "queued_at",
        "id",
    ),
    _partial(
        "ix_tasks_slots",
        "concurrency_slot IS NOT NULL",
        "concurrency_key",
        "concurrency_slot",
        unique=True,
    ),
)
"""`delivery` counts how often the task was queued; `keep_s` is the `ttl_s` of its command.
`input_requests` are the questions that wait for an answer, `questions` is the memory of all of them.
`concurrency_slot` is set while the task runs: the unique index on it keeps the limit of its key."""

attempts = Table(
    "attempts",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("worker", String(100), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("outcome", String(10)),
    Column("exit_code", Integer),
    Column("signal", String(20)),
    Column("max_rss_bytes", BigInteger),
    Column("cpu_s", Float),
)

events = Table(
    "events",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("type", String(30), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("attempt", Integer),
    Column("actor_iss", String(255)),
    Column("actor_sub", String(255)),
    Column("data", _json(), nullable=False),
)

log_chunks = Table(
    "log_chunks",
    metadata,
    Column("task_id", ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("stream", String(6), nullable=False),
    Column("lines", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("byte", BigInteger, nullable=False),
    Column("stream_line", BigInteger, nullable=False),
    Column("stream_byte", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
"""Whole lines of one stream. `line` and `byte` count what came before, in both streams together and
in this one; a gap between two chunks is output over the cap, which was never kept."""
