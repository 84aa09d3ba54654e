"""Real servers, each on a data folder of its own, and the end of all that they started."""

import atexit
import contextlib
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import httpx2
import psutil
import psycopg

import errandry
from support.ports import free_port
from support.tokens import local_token
from support.waiting import LIMIT_S, until

Document = dict[str, Any]

MODULE: Final = ("-m", "errandry")
AGENT: Final = "commands:read commands:write tasks:read tasks:write"


def shell(name: str, script: str, *parameters: str, **fields: Any) -> Document:
    """Define a command that runs a shell script; its parameters are the texts $1, $2, …"""
    literal = script.replace("{", "{{").replace("}", "}}")
    return {
        "name": name,
        "description": f"Does {name}.",
        "parameters": {
            "type": "object",
            "properties": {each: {"type": "string"} for each in parameters},
            "required": list(parameters),
            "additionalProperties": False,
        },
        "run": {
            "process": {
                "argv": ["sh", "-c", literal, name, *(f"{{{each}}}" for each in parameters)],
                "allow_dash": True,
            }
        },
        **fields,
    }


@cache
def bytecode() -> dict[str, str]:
    """Where compiled modules are kept if not beside their sources: else each start takes seconds."""
    if not sys.dont_write_bytecode:
        return {}
    folder = tempfile.mkdtemp(prefix="er-pyc-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}


def result(verb: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for the end of a verb; return status, stdout and stderr."""
    out, err = verb.communicate(timeout=LIMIT_S)
    return verb.returncode, out, err


class Server:
    """A server and its folders; a subclass may run another verb. `program` are the arguments of Python that start the command line.

    `settings` are those of the product, without their prefix and in small letters; `packages` are
    further folders to import from.
    """

    verb = "serve"

    def __init__(
        self, *commands: Document, program: Sequence[str] = MODULE, **settings: str
    ) -> None:
        # Not below tmp_path: the private socket has to fit into an address of 104 bytes.
        self.root = Path(tempfile.mkdtemp(prefix="er-", dir="/tmp"))
        self.data, self.commands = self.root / "data", self.root / "commands"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.packages: list[str] = []
        self._program = program
        self._settings = settings
        self._log = self.root / "log"
        self._started: list[subprocess.Popen[Any]] = []
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        self.commands.mkdir()
        for command in commands:
            self.define(command)

    def define(self, command: Document) -> Path:
        """Put a definition into the folder of commands, in one step."""
        draft, file = self.root / "draft", self.commands / f"{command['name']}.json"
        draft.write_text(json.dumps(command))
        return draft.rename(file)

    def path(self, name: str = "file") -> Path:
        """Return a path that nothing has used yet."""
        return self.root / f"{name}-{next(self._numbers)}"

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of the server and its clients; what coverage needs is kept."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("ERRANDRY_")
        }
        own = {
            "data_dir": str(self.data),
            "commands_dir": str(self.commands),
            "port": str(self.port),
            "grace_s": "1",
            **self._settings,
            **settings,
        }
        return {
            **kept,
            **bytecode(),
            "NO_COLOR": "1",
            "PYTHONPATH": os.pathsep.join(
                [str(Path(errandry.__file__).parents[1]), *self.packages]
            ),
            **{f"ERRANDRY_{name.upper()}": value for name, value in own.items()},
        }

    # -- the server

    def begin(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start the server and return at once."""
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [sys.executable, *self._program, self.verb, *arguments],
                env=self.environment(**settings),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(self._server)
        return self._server

    def start(self, *arguments: str, **settings: str) -> Self:
        """Start the server and wait until it is ready."""
        process = self.begin(*arguments, **settings)

        def is_ready() -> bool:
            assert process.poll() is None, f"the server ended: {self.log[-2000:]}"
            return self.readiness() == 200

        until(is_ready, "a server that is ready")
        return self

    def readiness(self) -> int:
        """Return the status of /readyz, 0 when nobody answers."""
        try:
            return httpx2.get(f"{self.url}/readyz", trust_env=False).status_code
        except httpx2.TransportError:
            return 0

    @property
    def process(self) -> psutil.Process:
        """The server that was started last."""
        assert self._server is not None
        return psutil.Process(self._server.pid)

    @property
    def log(self) -> str:
        """What its servers have printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def signal(self, number: int) -> None:
        """Send a signal to the server alone."""
        assert self._server is not None
        self._server.send_signal(number)

    def ended(self) -> int:
        """Wait for the end of the server and return its status."""
        assert self._server is not None
        return self._server.wait(LIMIT_S)

    def kill9(self) -> None:
        """Kill the server alone; what it leaves behind is its own to answer for."""
        self.signal(signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """End the server as an operator does, without waiting for tasks; return its status."""
        assert self._server is not None
        if self._server.poll() is None:
            self.signal(signal.SIGTERM)
            until(lambda: self.readiness() != 200, "a server that drains")
            self.signal(signal.SIGTERM)
        return self.ended()

    # -- clients

    def open(self, *words: str, **settings: str) -> "subprocess.Popen[str]":
        """Start a verb of the command line, with pipes."""
        verb = subprocess.Popen(
            [sys.executable, *MODULE, *words],
            env=self.environment(**settings),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(verb)
        return verb

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a verb to its end; return status, stdout and stderr."""
        return result(self.open(*words))

    def token(self, sub: str = "agent", scope: str = AGENT) -> str:
        """Return a token of the local issuer."""
        secret = (self.data / "local.secret").read_bytes().strip()
        return local_token(secret, "urn:errandry:local", sub=sub, scope=scope)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Look into the database, whether a server runs or not."""
        if url := self._settings.get("database_url"):
            with psycopg.connect(url) as connection:
                return connection.execute(query.replace("?", "%s").encode(), values).fetchall()
        address = f"file:{self.data}/errandry.db?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=LIMIT_S)) as database:
            return database.execute(query, values).fetchall()

    # -- the end

    def close(self) -> None:
        """End all that was started here and is still there, and remove the folders."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
                self.stop()
        for process in self._started:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        for process_id in self._leftovers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def _leftovers(self) -> Iterator[int]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if self._is_ours(process.environ()):
                    yield process.pid

    def _is_ours(self, environment: Mapping[str, str]) -> bool:
        return environment.get("ERRANDRY_DATA_DIR") == str(self.data) or environment.get(
            "ERRANDRY_RESULT", ""
        ).startswith(f"{self.data}/")


@contextlib.contextmanager
def serving(
    *commands: Document,
    program: Sequence[str] = MODULE,
    packages: Sequence[str] = (),
    **settings: str,
) -> Iterator[Server]:
    """Run a server while the block lasts; `packages` are further folders to import from."""
    server = Server(*commands, program=program, **settings)
    server.packages.extend(packages)
    try:
        yield server.start()
    finally:
        server.close()
