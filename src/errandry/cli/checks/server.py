"""The server of the data folder, as its clients meet it."""

import argparse
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2

from errandry import __version__
from errandry.cli.checks.finding import Finding, Ground
from errandry.cli.connection import connect
from errandry.cli.exits import Refusal
from errandry.place import ServerFile

_LIMIT_S: Final = 5
_RESTART: Final = "Stop the server and start it again: errandry serve"


def check(ground: Ground) -> Iterator[Finding]:
    """Look at the server's answers, its private socket, and whether it takes our token."""
    with ground.held() as is_free:
        if is_free:
            yield _none(ground)
            return
    if (told := ServerFile.read(ground.folder)) is None:
        yield Finding("warn", "server", "one is just starting", "Try again in a few seconds.")
        return
    try:
        yield from _answers(told)
    except httpx2.TransportError as error:
        says = f"process {told.pid} has the data folder, and {told.url} does not answer: {error}"
        log = ground.folder / "server.log"
        yield Finding("fail", "server", says, f"Look at what it printed, or into {log}. {_RESTART}")
        return
    yield _socket(Path(told.socket))
    yield _token(ground)


def _none(ground: Ground) -> Finding:
    says = f"none runs on {ground.folder}"
    if ServerFile.path(ground.folder).exists():
        says += "; one that was killed has left its server.json, which does no harm"
    return Finding("warn", "server", says, "errandry serve; `errandry mcp` also starts one itself")


def _answers(told: ServerFile) -> Iterator[Finding]:
    # As in `connection`: no proxy for this machine, and no certificates where none are needed.
    needs_tls = told.url.startswith("https:")
    with httpx2.Client(
        base_url=told.url, timeout=_LIMIT_S, trust_env=False, verify=needs_tls
    ) as client:
        ready = client.get("/readyz")
    if ready.status_code != 200:
        yield Finding("fail", "server", f"{told.url} is not ready: {_detail(ready)}", _RESTART)
    elif told.version != __version__:
        says = f"{told.url} is errandry {told.version}, this program is {__version__}"
        yield Finding("warn", "server", says, _RESTART)
    else:
        yield Finding("ok", "server", f"{told.url} is ready (process {told.pid})")


def _detail(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"it answered {answer.status_code}"


def _socket(path: Path) -> Finding:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return Finding("fail", "socket", f"{path}: {error.strerror}", _RESTART)
    if not stat.S_ISSOCK(mode):
        return Finding("fail", "socket", f"{path} is no socket", _RESTART)
    if stat.S_IMODE(mode) & 0o077:
        says = f"others may use {path} (mode {stat.S_IMODE(mode):04o})"
        return Finding("fail", "socket", says, f"chmod 600 {path}")
    return Finding("ok", "socket", f"{path} is yours alone")


def _token(ground: Ground) -> Finding:
    if ground.settings.local_issuer == "off":
        return Finding("ok", "token", "local tokens are switched off; not tried")
    try:
        with connect(argparse.Namespace(url=None, token=None)) as api:
            api.get("/tasks", limit=1)
    except Refusal as refusal:
        says = f"the server does not take the operator's: {refusal.lines[0]}"
        return Finding("fail", "token", says, _RESTART)
    return Finding("ok", "token", "the server takes the operator's")
