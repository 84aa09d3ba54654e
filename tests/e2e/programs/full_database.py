"""The command line, with a database that does not grow while there is a file `full` beside it."""

import sys
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from errandry.__main__ import main

FULL = Path("full").absolute()
NO_MORE, MANY = 1, 2**31 - 2  # SQLite takes the present size for a limit that is below it


@event.listens_for(Engine, "begin")
def limit(connection: Connection) -> None:
    """Set the limit for the transaction that begins: SQLite itself then says that it is full."""
    connection.exec_driver_sql(f"PRAGMA max_page_count = {NO_MORE if FULL.exists() else MANY}")


if __name__ == "__main__":
    sys.exit(main())
