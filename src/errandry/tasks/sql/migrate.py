"""The schema: is it there, and bring it up to date."""

import importlib.resources
import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


class NewerSchema(Exception):
    """The file was written by a later release."""


def _scripts() -> Path:
    """The migrations lie in the package of a wheel, and beside `src` in a checkout."""
    packaged = Path(str(importlib.resources.files("errandry"))) / "_migrations"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[4] / "migrations"


def _config(path: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}".replace("%", "%%"))
    return config


def current(path: Path) -> str | None:
    """Return the revision of an SQLite file's schema, None when it has none."""
    if not path.exists():
        return None
    with sqlite3.connect(path) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            row = None
    connection.close()
    return row[0] if row else None


def revisions() -> list[str]:
    """Return the revisions of the schema that this release knows, newest first."""
    return [script.revision for script in ScriptDirectory(str(_scripts())).walk_revisions()]


def upgrade(path: Path) -> bool:
    """Bring an SQLite file to the newest schema, making it if it is not there.

    Returns whether anything had to be done. Blocks; the file must not be in use.

    Raises:
        NewerSchema: the file needs a later release than this one.
    """
    config, found = _config(path), current(path)
    scripts = ScriptDirectory.from_config(config)
    if found == scripts.get_current_head():
        return False
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise NewerSchema(
            f"{path} has the schema {found} of a later release of errandry; install that release,"
            " or set ERRANDRY_DATA_DIR to another folder"
        )
    command.upgrade(config, "head")
    return True
