"""``errandry tasks list|show|watch|wait|cancel|retry``."""

import argparse
import uuid

from errandry.cli import details, outcome, render, wording
from errandry.cli.api import MAX_PAGE, Document, task_path
from errandry.cli.connection import connect, is_operator
from errandry.cli.exits import Exit
from errandry.cli.waiting import View, wait
from errandry.cli.watching import live


def list_tasks(options: argparse.Namespace) -> Exit:
    """Print tasks, newest first; the operator's list holds every owner's."""
    query = {
        "state": options.state,
        "command": options.command,
        "label": [f"{key}:{value}" for key, value in options.label],
        "since": options.since,
        "owner": options.owner or ("*" if is_operator(options) else None),
    }
    with connect(options) as api:
        tasks = api.pages("/tasks", "tasks", options.limit, **query)
        if options.json:
            for task in tasks:
                render.print_json(task)
        else:
            head = ("alias", "command", "state", "progress", "age", "owner")
            render.print_table(head, map(_row, tasks))
    return Exit.DONE


def _row(task: Document) -> tuple[str, ...]:
    return (
        task["alias"],
        task["command"],
        task["state"],
        wording.progress(task["progress"]),
        wording.age(task["created_at"]),
        wording.name(task["owner"]),
    )


def show(options: argparse.Namespace) -> Exit:
    """Print one task with its attempts and history."""
    with connect(options) as api:
        task = api.get(task_path(options.ref))["task"]
        if options.json:
            render.print_json(task)
        else:
            events = api.pages(task_path(task["id"], "events"), "events", MAX_PAGE)
            details.print_task(task, list(events))
    return Exit.DONE


def watch(options: argparse.Namespace) -> Exit:
    """Show a task while it goes on, and how it ended."""
    with connect(options) as api:
        if options.json:
            view = View(render.print_json, step_s=1)
            render.print_json(wait(api, options.ref, options.timeout, view))
        else:
            with live(step_s=1) as view:
                wait(api, options.ref, options.timeout, view)
        task = api.get(task_path(options.ref))["task"]
        if not options.json:
            outcome.tell(task)
    return outcome.exit_of(task)


def wait_for(options: argparse.Namespace) -> Exit:
    """Wait in silence until a task is final."""
    with connect(options) as api:
        wait(api, options.ref, options.timeout)
        task = api.get(task_path(options.ref))["task"]
    if options.json:
        render.print_json(task)
    else:
        outcome.tell(task)
    return outcome.exit_of(task)


def cancel(options: argparse.Namespace) -> Exit:
    """Ask a task to end."""
    with connect(options) as api:
        task = api.post(task_path(options.ref, "cancel"), {"reason": options.reason})["task"]
    _print_changed(task, options)
    return Exit.DONE


def retry(options: argparse.Namespace) -> Exit:
    """Start a final task once more, as a new task."""
    with connect(options) as api:
        task = api.post(task_path(options.ref, "retry"), {}, key=f"cli-{uuid.uuid4().hex}")["task"]
    _print_changed(task, options)
    return Exit.DONE


def _print_changed(task: Document, options: argparse.Namespace) -> None:
    if options.json:
        render.print_json(task)
        return
    ending = task["cancel_requested"] and task["finished_at"] is None
    print(f"{task['alias']} {task['state']}{', its processes are being ended' if ending else ''}")
    if task["finished_at"] is None:
        render.complain(f"Follow it with: errandry tasks watch {task['alias']}")
