"""``errandry tasks approve|reject REF``: a person on a terminal decides, or another principal."""

import argparse
import sys

from errandry.cli import render, wording
from errandry.cli.api import Api, Document, command_path, task_path
from errandry.cli.connection import connect, is_operator
from errandry.cli.exits import Exit, Refusal


def approve(options: argparse.Namespace) -> Exit:
    """Let a task start that waits for approval."""
    return _decide(options, "approve")


def reject(options: argparse.Namespace) -> Exit:
    """Refuse a task that waits for approval."""
    return _decide(options, "reject")


def _decide(options: argparse.Namespace, verb: str) -> Exit:
    if is_operator(options) and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refusal(
            Exit.FORBIDDEN,
            f"To {verb} as the operator takes a person on a terminal, and there is none",
            "Run it in a terminal, or give --token of another principal with the scope tasks:approve.",
        )
    with connect(options) as api:
        task = api.get(task_path(options.ref))["task"]
        if task["state"] != "awaiting_approval":
            raise Refusal(
                Exit.CONFLICT, f"{task['alias']} is {task['state']} and waits for no approval"
            )
        if is_operator(options):
            _ask(api, task, verb)
        body = {"digest": task["command_digest"], "reason": options.reason}
        task = api.post(task_path(task["id"], verb), body)["task"]
    if options.json:
        render.print_json(task)
    else:
        print(f"{task['alias']} {task['state']}")
    return Exit.DONE


def _ask(api: Api, task: Document, verb: str) -> None:
    """Show a person all of what was asked for.

    Raises:
        Refusal: the answer is not yes.
    """
    render.complain(
        f"{task['alias']} was asked for by {wording.name(task['owner'])} at {task['created_at']}",
        f"command   {task['command']}",
        f"digest    {task['command_digest']}",
        f"arguments {wording.pretty(task['arguments'])}",
        *_definition(api, task),
    )
    print(f"Type yes to {verb} it: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise Refusal(Exit.FORBIDDEN, f"Nothing was decided; {task['alias']} waits on")


def _definition(api: Api, task: Document) -> list[str]:
    """Say what the command runs, if the definition that the task keeps is still the current one."""
    try:
        command = api.get(command_path(task["command"]))["command"]
    except Refusal as refusal:
        if refusal.exit is not Exit.NOT_FOUND:
            raise
        command = None
    if command is None or command["digest"] != task["command_digest"]:
        return ["The command has changed since; the task runs the version with the digest above."]
    return [
        f"what      {wording.line(command['description'])}",
        f"runs      {wording.pretty(command['run'])}",
    ]
