"""The command files."""

from collections.abc import Iterator
from pathlib import Path

from errandry.cli import wording
from errandry.cli.checks.finding import Finding, Ground
from errandry.commands.catalog import Catalog
from errandry.commands.executors import Executors


def check(ground: Ground) -> Iterator[Finding]:
    """Read the folder of the server that runs, else the one that a server started here would read."""
    server = ground.server()
    folder = Path(server.commands_dir) if server else ground.settings.commands_dir
    if not folder.is_dir():
        yield Finding("warn", "commands", f"there is no folder {folder}", f"errandry init {folder}")
        return
    catalog = Catalog(folder, executors=Executors.installed())
    for fault in catalog.faults:
        yield Finding(
            "fail",
            "commands",
            wording.fault(str(folder / fault.file), fault.line, fault.message),
            f"Put it right; check with: errandry commands validate {folder}",
        )
    if not catalog.faults:
        yield Finding("ok", "commands", f"{len(catalog.list())} in {folder}")
