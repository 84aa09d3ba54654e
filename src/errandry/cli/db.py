"""``errandry db upgrade``: bring the database to the schema of this version."""

import argparse
import sqlite3

from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from errandry import place
from errandry.cli.config import read_settings
from errandry.cli.datalock import DataLock, Taken
from errandry.cli.exits import Exit, Refusal
from errandry.tasks.sql import migrate


def upgrade(options: argparse.Namespace) -> Exit:  # noqa: ARG001 - every verb takes the options
    """Upgrade the database, or make it where there is none."""
    settings = read_settings()
    path = settings.sqlite_path
    try:
        place.prepare(settings.data_dir)
        lock = DataLock(settings.data_dir)
        changed = migrate.upgrade(path)
    except Taken as error:
        raise Refusal(Exit.CONFLICT, str(error)) from error
    except (place.BadPlace, migrate.NewerSchema) as error:
        raise Refusal(Exit.NO_SERVER, str(error)) from error
    except (CommandError, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise Refusal(Exit.NO_SERVER, f"Cannot upgrade {path}: {error}") from error
    lock.release()
    print(f"{path} {'is upgraded' if changed else 'is up to date'}")
    return Exit.DONE
