"""``errandry mcp`` where it does not stand first; the program's start has its own short way to it."""

import argparse

from errandry import pump


def run(options: argparse.Namespace) -> int:  # noqa: ARG001 - every verb takes the options
    """Carry MCP between stdin, stdout and the server."""
    return pump.main(())
