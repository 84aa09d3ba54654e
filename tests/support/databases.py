"""Databases for tests: how one is made, and how one is cut off."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path

from errandry.tasks.sql.location import Location

Make = Callable[[Path], AbstractContextManager[Location]]
"""Makes a database with the newest schema, in a folder if it is a file, while a block lasts."""
Cut = Callable[[], Awaitable[None]]
"""Makes that the database does not answer any more."""
