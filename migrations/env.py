"""Alembic's entry: connects to the one file that is to be migrated."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import TextClause, create_engine, pool

from errandry.tasks.sql.tables import UtcTime, metadata


def render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Write our own column type as a plain one: migrations must not depend on the package."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.String(24)"
    return False


def compare_type(_: Any, __: Any, ___: Any, ____: Any, wanted: Any) -> bool | None:
    """Compare as usual, but for our own type, which the database shows as another."""
    return False if isinstance(wanted, UtcTime) else None


def include_object(item: Any, _: Any, kind: str, __: Any, ___: Any) -> bool:
    """Leave out the indexes with a descending column, which cannot be read back to be compared."""
    return kind != "index" or item.name not in {
        index.name
        for index in metadata.tables[item.table.name].indexes
        if any(isinstance(part, TextClause) for part in index.expressions)
    }


def _url() -> str:
    named = context.get_x_argument(as_dictionary=True).get("file")
    return f"sqlite:///{named}" if named else context.config.get_main_option("sqlalchemy.url") or ""


engine = create_engine(_url(), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=render_item,
        compare_type=compare_type,
        include_object=include_object,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
