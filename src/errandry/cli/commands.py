"""``errandry commands list|show``: what can be run."""

import argparse

from errandry.cli import details, render, wording
from errandry.cli.api import Document, command_path
from errandry.cli.connection import connect
from errandry.cli.exits import Exit


def list_commands(options: argparse.Namespace) -> Exit:
    """Print the commands that the caller may see; the operator also hears of broken files."""
    with connect(options) as api:
        answer = api.get("/commands", query=options.query, tag=options.tag)
    if options.json:
        for command in answer["commands"]:
            render.print_json(command)
    else:
        head = ("name", "parameters", "approval", "description")
        render.print_table(head, map(_row, answer["commands"]))
    for fault in answer.get("faults", ()):
        render.complain(wording.fault(fault["file"], fault["line"], fault["message"]))
    return Exit.DONE


def show(options: argparse.Namespace) -> Exit:
    """Print one command."""
    with connect(options) as api:
        command = api.get(command_path(options.name))["command"]
    if options.json:
        render.print_json(command)
    else:
        details.print_command(command)
    return Exit.DONE


def _row(command: Document) -> tuple[str, ...]:
    schema = command["parameters"]
    required = schema.get("required", ())
    names = (name if name in required else f"[{name}]" for name in schema.get("properties", ()))
    approval = command["approval"]
    return (
        command["name"],
        " ".join(names),
        approval if isinstance(approval, str) else "sometimes",
        command["description"],
    )
