"""`errandry worker`: runs tasks of a PostgreSQL database, beside any number of others like it."""

import argparse
import logging

import anyio

from errandry import place
from errandry.cli import logfile
from errandry.cli.config import read_settings
from errandry.cli.databases import read_location
from errandry.cli.datalock import DataLock, Taken
from errandry.cli.exits import Exit, Refusal
from errandry.cli.stopping import stop_on_signal
from errandry.commands.executors import Executors
from errandry.place import BadPlace, ServerFile
from errandry.runner import Runner
from errandry.settings import PREFIX, Settings, unknown_variables
from errandry.status.opening import open_bus
from errandry.tasks.sql import migrate
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location

_log = logging.getLogger("errandry.worker")


def run(options: argparse.Namespace) -> Exit:
    """Run tasks until told to stop.

    Raises:
        Refusal: the folder or the database cannot be used.
    """
    settings = read_settings()
    if options.concurrency is not None:
        settings = settings.model_copy(update={"concurrency": options.concurrency})
    location = read_location(settings)
    _check(settings, location)
    logfile.set_up(settings.log_level)
    for sentence in unknown_variables():
        _log.warning(sentence)
    try:
        place.prepare(settings.data_dir)
        lock = DataLock(settings.data_dir)
        ServerFile.path(settings.data_dir).unlink(missing_ok=True)  # of a server that was killed
        migrate.check(location)
    except Taken as error:
        raise Refusal(Exit.CONFLICT, str(error)) from error
    except (BadPlace, migrate.BadDatabase) as error:
        raise Refusal(Exit.NO_SERVER, str(error)) from error
    except OSError as error:
        raise Refusal(Exit.NO_SERVER, f"cannot start on {settings.data_dir}: {error}") from error
    try:
        anyio.run(_work, settings, location)
    finally:
        lock.close()
    return Exit.DONE


def _check(settings: Settings, location: Location) -> None:
    if location.file is not None:
        raise Refusal(
            Exit.USAGE,
            f"a worker apart from the server needs PostgreSQL: set {PREFIX}DATABASE_URL to"
            " postgresql://user:password@host/name",
        )
    if not settings.concurrency:
        raise Refusal(Exit.USAGE, "a worker that may run no task has nothing to do")


async def _work(settings: Settings, location: Location) -> None:
    executors = Executors.installed()
    executors.log_faults()
    database = Database.open(location)
    bus = open_bus(location, settings.redis)
    runner = Runner(settings, location, database, bus, executors)
    try:
        async with runner.serving(), anyio.create_task_group() as group:
            group.start_soon(bus.run)
            _log.info("ready", extra={"slots": settings.concurrency, "data": settings.data_dir})
            await stop_on_signal(runner.drain, runner.end_all)
            group.cancel_scope.cancel()
    finally:
        await database.close()
    _log.info("stopped")
