"""The clients whose configuration names errandry: would what they start be this server's?"""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from errandry import place
from errandry.cli.checks.finding import Finding, Ground
from errandry.cli.clientconfig import ClientConfig
from errandry.cli.clients import CLIENTS, Client
from errandry.cli.exits import Refusal


def check(ground: Ground) -> Iterator[Finding]:
    """Look into the files of every client that lie in the usual places or in this folder."""
    server = ground.server()
    serving = (ground.folder, server.commands_dir) if server else None
    found = [
        finding
        for name, client in CLIENTS.items()
        for path in _files(client)
        for finding in _look(name, client, path, serving)
    ]
    yield from found
    if not found:
        step = "errandry install --client claude-code; others: errandry install --help"
        yield Finding(
            "warn", "clients", "no file of a user or of this project names errandry", step
        )


def _files(client: Client) -> list[Path]:
    files = [client.user()]
    if client.project:
        files.append(Path.cwd() / client.project)
    return [path for path in files if path.exists()]


def _look(
    name: str, client: Client, path: Path, serving: tuple[Path, str] | None
) -> Iterator[Finding]:
    check_ = f"client {name}"
    try:
        entry = ClientConfig(client, path).entry
    except Refusal as refusal:
        yield Finding("warn", check_, refusal.lines[0], f"Put {path} right.")
        return
    if entry is None:
        return
    again = f"errandry install --client {name}" + " --project" * (path != client.user())
    if not isinstance(entry, dict):
        yield Finding("fail", check_, f"{path}: the entry is no object", again)
    elif "command" not in entry:
        yield Finding("ok", check_, f"{path}: starts nothing; it has an address")
    elif fault := _fault(entry, serving):
        says, step = fault
        yield Finding("fail", check_, f"{path}: {says}", step or again)
    else:
        yield Finding("ok", check_, f"{path} starts {entry['command']}")


def _fault(
    entry: Mapping[str, Any], serving: tuple[Path, str] | None
) -> tuple[str, str | None] | None:
    """Return what is wrong with an entry, and what to do if not writing it anew."""
    program = str(entry["command"])
    if shutil.which(program) is None:
        return f"there is no program {program}", None
    env = entry.get("env")
    texts = env if isinstance(env, dict) else {}
    environment = {str(name): str(value) for name, value in texts.items()}
    if not (named := environment.get("ERRANDRY_COMMANDS_DIR")):
        return None
    if not Path(named).is_dir():
        return f"there is no folder of commands {named}", f"errandry init {named}"
    if serving is None or place.data_dir({**os.environ, **environment}) != serving[0]:
        return None
    if os.path.realpath(named) != os.path.realpath(serving[1]):
        return f"it asks for the commands in {named}, the server has those in {serving[1]}", None
    return None
