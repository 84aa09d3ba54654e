"""Everything about one task or command, for reading."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from errandry.cli import render, wording
from errandry.cli.api import Document

_TASK: Final = (
    "id",
    "command",
    "command_digest",
    "title",
    "labels",
    "arguments",
    "priority",
    "idempotency_key",
    "queue_position",
    "approval",
    "input_requests",
    "result",
    "error",
    "retry_of",
    "created_at",
    "run_at",
    "started_at",
    "finished_at",
    "expires_at",
)
_COMMAND: Final = (
    "title",
    "description",
    "parameters",
    "run",
    "approval",
    "tags",
    "digest",
    "stats",
)


def print_task(task: Document, events: Sequence[Document]) -> None:
    """Print a task: what says something of its fields, its attempts, its history."""
    print(wording.line(f"{task['alias']} {task['state']} {wording.progress(task['progress'])}"))
    _print_fields({"owner": wording.name(task["owner"]), **_chosen(task, _TASK)})
    if task["attempts"]:
        print("\nattempts")
        head = ("attempt", "outcome", "exit code", "signal", "started", "finished", "worker")
        render.print_table(head, map(_attempt, task["attempts"]))
    print("\nhistory")
    render.print_table(("at", "event", "attempt", "by", "what"), map(_event, events))


def print_command(command: Document) -> None:
    """Print a command: what it takes, what it runs, how it went before."""
    print(wording.line(command["name"]))
    _print_fields(_chosen(command, _COMMAND))


def _chosen(document: Document, names: Sequence[str]) -> dict[str, Any]:
    return {name: document[name] for name in names if document.get(name) not in (None, {}, [], "")}


def _print_fields(fields: Mapping[str, Any]) -> None:
    width = max(map(len, fields))
    for name, value in fields.items():
        text = wording.safe(value) if isinstance(value, str) else wording.pretty(value)
        print(f"  {name:{width}}  {text.rstrip()}".replace("\n", f"\n{' ' * (width + 4)}"))


def _attempt(attempt: Document) -> tuple[str, ...]:
    names = ("attempt", "outcome", "exit_code", "signal", "started_at", "finished_at", "worker")
    return tuple("-" if attempt[name] is None else str(attempt[name]) for name in names)


def _event(event: Document) -> tuple[str, ...]:
    data = {name: value for name, value in event["data"].items() if value is not None}
    return (
        event["at"],
        event["type"],
        "-" if event["attempt"] is None else str(event["attempt"]),
        wording.name(event["actor"]) if event["actor"] else "-",
        wording.pretty(data) if data else "",
    )
