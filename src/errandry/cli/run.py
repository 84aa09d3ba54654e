"""``errandry run NAME key=value…``: start a command and wait for its end."""

import argparse
import uuid

from errandry.cli import outcome, render
from errandry.cli.api import Api, Document, command_path, task_path
from errandry.cli.arguments import read_arguments
from errandry.cli.connection import connect
from errandry.cli.exits import Exit, Refusal
from errandry.cli.waiting import wait
from errandry.cli.watching import live


def run(options: argparse.Namespace) -> Exit:
    """Create and execute a task; wait unless told not to, and print what it gave."""
    with connect(options) as api:
        task = _start(api, options)
        if options.detach:
            _print_started(task, options)
            return Exit.DONE
        _wait(api, task, options)
        task = api.get(task_path(task["id"]))["task"]
        if options.json:
            render.print_json(task)
        else:
            outcome.tell(task)
            outcome.print_result(api, task)
        return outcome.exit_of(task)


def _start(api: Api, options: argparse.Namespace) -> Document:
    command = api.get(command_path(options.name))["command"]
    body = {
        "command": options.name,
        "arguments": read_arguments(options.arguments, command["parameters"]),
        "title": options.title,
        "labels": dict(options.label) or None,
        "priority": options.priority,
        "delay_s": options.delay,
        "execute": True,
    }
    task: Document = api.post("/tasks", body, key=f"cli-{uuid.uuid4().hex}")["task"]
    return task


def _wait(api: Api, task: Document, options: argparse.Namespace) -> None:
    try:
        with live() as view:
            wait(api, task["alias"], options.timeout, view)
    except Refusal as refusal:
        if options.json and refusal.exit is Exit.TIMED_OUT:  # a script needs the task to go on with
            render.print_json(api.get(task_path(task["id"]))["task"])
        raise


def _print_started(task: Document, options: argparse.Namespace) -> None:
    if options.json:
        render.print_json(task)
    else:
        print(f"{task['alias']} {task['state']}")
        render.complain(f"Follow it with: errandry tasks watch {task['alias']}")
