"""``errandry commands validate``: check command files without a server."""

import argparse
from pathlib import Path

from errandry.cli import render, wording
from errandry.cli.config import read_settings
from errandry.cli.exits import Exit, Refusal
from errandry.commands.catalog import Catalog
from errandry.commands.executors import Executors


def validate(options: argparse.Namespace) -> Exit:
    """Print every fault of the files in a folder as ``file:line: message``.

    Raises:
        Refusal: there is no such folder.
    """
    folder = Path(options.folder) if options.folder else read_settings().commands_dir
    if not folder.is_dir():
        raise Refusal(
            Exit.USAGE,
            f"There is no folder {folder}",
            "Make one with starters in it: errandry init",
        )
    faults = Catalog(folder, executors=Executors.installed()).faults
    for fault in faults:
        if options.json:
            render.print_json(fault.document())
        else:
            print(wording.fault(str(folder / fault.file), fault.line, fault.message))
    if faults:
        return Exit.USAGE
    render.complain(f"No faults in {folder}")
    return Exit.DONE
