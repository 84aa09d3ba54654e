"""`errandry serve`: takes the data folder and the port, migrates, and runs until it is told to stop."""

import argparse
import logging
import os
import shutil
import socket
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import uvicorn
from rich.console import Console

from errandry import __version__, place
from errandry.app import App, key_sources
from errandry.auth.keys import BadKeys, KeySource
from errandry.cli import logfile
from errandry.cli.config import read_settings
from errandry.cli.databases import read_location
from errandry.cli.datalock import DataLock, Taken
from errandry.cli.exits import Exit, Refusal
from errandry.cli.ports import PortTaken, listen
from errandry.cli.stopping import stop_on_signal
from errandry.place import BadPlace, ServerFile
from errandry.settings import Settings, unknown_variables
from errandry.tasks.sql import migrate
from errandry.tasks.sql.location import Location

_log = logging.getLogger("errandry.serve")

_CLOSE_S: Final = 2  # how long open connections may take to end
_LOOK_S: Final = 5.0


def run(options: argparse.Namespace) -> int:
    """Run the server; return when it has stopped.

    Raises:
        Refusal: the folder, the port, the database or the keys cannot be used.
    """
    settings = read_settings()
    location = read_location(settings)
    logfile.set_up(settings.log_level)
    for sentence in unknown_variables():
        _log.warning(sentence)
    if os.geteuid() == 0:
        _log.warning("running as root: every command runs as root, too; use an account of its own")
    try:
        place.prepare(settings.data_dir)
        lock = DataLock(settings.data_dir)
        listener = _listen(settings, any_port=options.detached)
        _prepare_database(location)
        socket_path = place.socket_path(settings.data_dir)
        keys = key_sources(settings)
    except Taken as error:
        raise Refusal(Exit.CONFLICT, str(error)) from error
    except (BadPlace, BadKeys, PortTaken, migrate.BadDatabase) as error:
        raise Refusal(Exit.NO_SERVER, str(error)) from error
    except OSError as error:
        raise Refusal(Exit.NO_SERVER, f"cannot start on {settings.data_dir}: {error}") from error
    idle_s = options.idle_exit_s if options.detached else None
    try:
        anyio.run(_serve, settings, location, keys, listener, socket_path, idle_s)
    finally:
        lock.close()
    return Exit.DONE


def _listen(settings: Settings, *, any_port: bool) -> socket.socket:
    """Take the port; a server that a client started takes another one if none was asked for."""
    try:
        return listen(settings.host, settings.port)
    except PortTaken:
        if any_port and "port" not in settings.model_fields_set:
            return listen(settings.host, 0)
        raise


def _prepare_database(location: Location) -> None:
    """Upgrade our own file; a PostgreSQL database has other users, who must know of an upgrade."""
    if location.file is None:
        migrate.check(location)
        return
    if migrate.upgrade(location):
        _log.info("brought the database to the schema of this version")
    location.file.chmod(0o600)


def _local_url(settings: Settings, listener: socket.socket) -> str:
    """The address for this machine's own clients, whatever stands in front of the public one."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: ours wait for running tasks first."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


async def _serve(
    settings: Settings,
    location: Location,
    keys: Sequence[KeySource],
    listener: socket.socket,
    socket_path: Path,
    idle_s: float | None,
) -> None:
    told = ServerFile(
        url=_local_url(settings, listener),
        socket=str(socket_path),
        pid=os.getpid(),
        version=__version__,
        commands_dir=str(settings.commands_dir.absolute()),
    )
    public_url = settings.public_url.rstrip("/") if settings.public_url else told.url
    app = App(settings, location, keys, public_url, socket_path)
    config = uvicorn.Config(
        app.asgi,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_S,
    )
    server = _Server(config)
    async with app.running():
        told.write(settings.data_dir)
        with suppress(BrokenPipeError):  # nobody reads our stdout; that is no reason to stop
            _say_hello(settings, told, public_url)
        async with anyio.create_task_group() as group:
            group.start_soon(stop_on_signal, partial(_drain, app, server), app.end_all)
            if idle_s is not None:
                group.start_soon(_stop_when_idle, app, server, idle_s)
            await server.serve(sockets=[listener])
            group.cancel_scope.cancel()
    ServerFile.path(settings.data_dir).unlink(missing_ok=True)
    _log.info("stopped")


async def _drain(app: App, server: uvicorn.Server) -> None:
    await app.drain()
    server.should_exit = True


async def _stop_when_idle(app: App, server: uvicorn.Server, seconds: float) -> None:
    while not await app.is_idle(seconds):
        await anyio.sleep(min(_LOOK_S, seconds / 5))
    _log.info("stopping: idle", extra={"idle_s": seconds})
    await _drain(app, server)


def _say_hello(settings: Settings, told: ServerFile, public_url: str) -> None:
    """Print where things are, and what to try next."""
    lines: Sequence[tuple[str, str]] = (
        ("REST and docs", f"{public_url}/docs"),
        ("MCP (HTTP)", f"{public_url}/mcp"),
        ("MCP (stdio)", f"{_own_name()} mcp"),
        ("data", str(settings.data_dir)),
        ("commands", told.commands_dir),
    )
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]errandry {__version__}[/bold] is ready (process {told.pid})")
    for name, value in lines:
        console.print(f"  {name:<14}{value}", markup=False)
    program = _own_name()
    console.print("Try in another terminal:", markup=False)
    for line in (
        f"{program} commands list",
        f"{program} run count-slowly seconds=5",
        f'curl -H "Authorization: Bearer $({program} token)" {told.url}/tasks',
    ):
        console.print(f"  {line}", markup=False)


def _own_name() -> str:
    """How to call this installation: by its name if the PATH leads here, else by its path."""
    own = Path(sys.argv[0]).absolute()
    found = shutil.which("errandry")
    return "errandry" if found and Path(found).absolute() == own else str(own)
