"""``errandry db upgrade``: bring the database to the schema of this version."""

import argparse
from contextlib import closing, nullcontext

from errandry import place
from errandry.cli.config import read_settings
from errandry.cli.databases import read_location
from errandry.cli.datalock import DataLock, Taken
from errandry.cli.exits import Exit, Refusal
from errandry.tasks.sql import migrate


def upgrade(options: argparse.Namespace) -> Exit:  # noqa: ARG001 - every verb takes the options
    """Upgrade the database, or make it where there is none.

    A file is upgraded while no server has it; a PostgreSQL database at any time, and before the
    servers and workers of this version start.
    """
    settings = read_settings()
    location = read_location(settings)
    try:
        if location.file is not None:
            place.prepare(settings.data_dir)
        with closing(DataLock(settings.data_dir)) if location.file else nullcontext():
            changed = migrate.upgrade(location)
    except Taken as error:
        raise Refusal(Exit.CONFLICT, str(error)) from error
    except place.BadPlace as error:
        raise Refusal(Exit.NO_SERVER, str(error)) from error
    except migrate.BadDatabase as error:
        raise Refusal(Exit.NO_SERVER, f"Cannot upgrade {error}") from error
    except OSError as error:
        raise Refusal(Exit.NO_SERVER, f"Cannot upgrade {location}: {error}") from error
    print(f"{location} {'is upgraded' if changed else 'is up to date'}")
    return Exit.DONE
