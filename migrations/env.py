"""Alembic's entry: migrates over the connection it is given, or connects to `-x url=…`."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, TextClause, create_engine, pool

from errandry.tasks.sql.location import Location
from errandry.tasks.sql.tables import UtcTime, metadata


def render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Write our own column type as plain ones: migrations must not depend on the package."""
    if kind == "type" and isinstance(item, UtcTime):
        return 'sa.String(24).with_variant(sa.DateTime(timezone=True), "postgresql")'
    return False


def compare_type(_: Any, __: Any, ___: Any, ____: Any, wanted: Any) -> bool | None:
    """Compare as usual, but for our own type, which SQLite shows as another."""
    is_text = context.get_bind().dialect.name == "sqlite"
    return False if is_text and isinstance(wanted, UtcTime) else None


def include_object(item: Any, _: Any, kind: str, __: Any, ___: Any) -> bool:
    """Leave out the indexes with a descending column, which cannot be read back to be compared."""
    return kind != "index" or item.name not in {
        index.name
        for index in metadata.tables[item.table.name].indexes
        if any(isinstance(part, TextClause) for part in index.expressions)
    }


def run(connection: Connection) -> None:
    """Run what Alembic was asked for."""
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


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    named = context.get_x_argument(as_dictionary=True).get("url", "")
    engine = create_engine(Location.parse(named).url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        run(connection)
    engine.dispose()
