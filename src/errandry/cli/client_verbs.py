"""The verbs that write errandry into the configuration of an MCP client, and take it out."""

import argparse
from typing import TYPE_CHECKING

from errandry.cli import flags
from errandry.cli.clients import CLIENTS

if TYPE_CHECKING:
    from errandry.cli.flags import Verbs


def add(verbs: "Verbs") -> None:
    """Declare them both."""
    install = _verb(verbs, "install", "write errandry into the configuration of an MCP client")
    install.add_argument(
        "--print", action="store_true", help="show what would be written and where, write nothing"
    )
    _verb(verbs, "uninstall", "take errandry out of the configuration of an MCP client")


def _verb(verbs: "Verbs", name: str, summary: str) -> argparse.ArgumentParser:
    parser = flags.verb(
        verbs,
        name,
        f"install:{name}",
        summary,
        example=f"errandry {name} --client claude-code",
        flags=flags.output(),
    )
    parser.add_argument("--client", required=True, choices=CLIENTS, help=", ".join(CLIENTS))
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--path", metavar="FILE", help="another file than the client's own")
    where.add_argument(
        "--project", action="store_true", help="the file of the project in the current folder"
    )
    return parser
