"""``errandry install`` and ``errandry uninstall``: our entry in the configuration of an MCP client."""

import argparse
import json
import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from errandry.cli import render, tomlmerge
from errandry.cli.clientconfig import ClientConfig
from errandry.cli.clients import CLIENTS, NAME, Client
from errandry.cli.config import read_settings
from errandry.cli.exits import Exit, Refusal
from errandry.place import ServerFile
from errandry.settings import Settings

_OURS: Final = ("ERRANDRY_COMMANDS_DIR", "ERRANDRY_DATA_DIR")
_PLACES: Final = ("ERRANDRY_DATA_DIR", "XDG_DATA_HOME")
"""The variables that move the data folder; a client that a desktop starts has none of them."""


def install(options: argparse.Namespace) -> Exit:
    """Write our entry, or with ``--print`` show it.

    Raises:
        Refusal: the client has no such file, or the file cannot be changed.
    """
    client, path = _target(options)
    settings = read_settings()
    fresh = client.entry(program(), _environment(settings))
    if options.print:
        _show(client, path, _merged(_present(client, path), fresh), as_json=options.json)
        return Exit.DONE
    config = ClientConfig(client, path)
    there = config.entry
    entry = _merged(there, fresh)
    if there == entry:
        _tell(options, path, "unchanged", None)
        return Exit.DONE
    backup = config.put(entry)
    _tell(options, path, "added" if there is None else "replaced", backup)
    commands = Path(entry["env"]["ERRANDRY_COMMANDS_DIR"])
    if not commands.is_dir():
        render.complain(f"There are no commands yet; make some with: errandry init {commands}")
    render.complain(f"Start {client.title} again to see it; check with: errandry doctor")
    return Exit.DONE


def uninstall(options: argparse.Namespace) -> Exit:
    """Take our entry out.

    Raises:
        Refusal: the client has no such file, or the file cannot be changed.
    """
    client, path = _target(options)
    config = ClientConfig(client, path)
    if config.entry is None:
        _tell(options, path, "absent", None)
    else:
        _tell(options, path, "removed", config.drop())
    return Exit.DONE


def program() -> str:
    """Return the absolute path of the program of this installation.

    A link through which it was started stays one: it outlives an upgrade.

    Raises:
        Refusal: this installation has none.
    """
    scripts = Path(sysconfig.get_path("scripts"))
    for path in (Path(sys.argv[0]), scripts / NAME):
        if path.name == NAME and path.is_file() and os.access(path, os.X_OK):
            return str(path.absolute())
    raise Refusal(
        Exit.NOT_FOUND,
        f"There is no program {NAME} in {scripts} that a client could start",
        "Install the package, and run this with its program.",
    )


def _target(options: argparse.Namespace) -> tuple[Client, Path]:
    client = CLIENTS[options.client]
    if options.path:
        return client, Path(options.path).expanduser().absolute()
    if not options.project:
        return client, client.user()
    if client.project is None:
        raise Refusal(
            Exit.USAGE,
            f"{client.title} has no file for one project",
            "Leave --project out, or name a file with --path.",
        )
    return client, Path.cwd() / client.project


def _environment(settings: Settings) -> dict[str, str]:
    """Name the folders: those that are set, else those of the server that runs here."""
    there = ServerFile.read(settings.data_dir)
    is_named = "commands_dir" in settings.model_fields_set or there is None
    commands = str(settings.commands_dir) if is_named or there is None else there.commands_dir
    environment = {"ERRANDRY_COMMANDS_DIR": commands}
    if any(os.environ.get(name) for name in _PLACES):
        environment["ERRANDRY_DATA_DIR"] = str(settings.data_dir)
    return environment


def _present(client: Client, path: Path) -> Any:
    """Return our entry as it stands there; none in a file that only a person can put right."""
    try:
        return ClientConfig(client, path).entry
    except Refusal:
        return None


def _merged(there: Any, fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a person or the client has added to an entry that starts a program."""
    if not isinstance(there, dict) or "command" not in there:
        return dict(fresh)
    env = there.get("env")
    kept = env if isinstance(env, dict) else {}
    others = {name: value for name, value in kept.items() if name not in _OURS}
    return {**there, **fresh, "env": {**fresh["env"], **others}}


def _show(client: Client, path: Path, entry: Mapping[str, Any], *, as_json: bool) -> None:
    document = {client.section: {NAME: entry}}
    if as_json:
        render.print_json({"path": str(path), "write": document})
        return
    render.complain(f"This would go into {path}:")
    if client.form == "toml":
        print(tomlmerge.put("", client.section, entry), end="")
    else:
        print(json.dumps(document, indent=2, ensure_ascii=False))


def _tell(options: argparse.Namespace, path: Path, action: str, backup: Path | None) -> None:
    if options.json:
        render.print_json(
            {
                "client": options.client,
                "path": str(path),
                "action": action,
                "backup": str(backup) if backup else None,
            }
        )
        return
    print(
        {
            "added": f"added {NAME} to {path}",
            "replaced": f"replaced {NAME} in {path}",
            "unchanged": f"nothing to change: {path} has {NAME} as it should be",
            "removed": f"removed {NAME} from {path}",
            "absent": f"nothing to change: {path} has no {NAME}",
        }[action]
    )
    if backup:
        print(f"kept what was there as {backup}")
