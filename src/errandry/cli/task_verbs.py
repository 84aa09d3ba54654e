"""The verbs below ``errandry tasks``."""

import argparse
from typing import TYPE_CHECKING, Final

from errandry.cli import flags
from errandry.tasks.model import State

if TYPE_CHECKING:
    from errandry.cli.flags import Verbs

_REF: Final = "a task's id or alias"
_MODES: Final = ("tail", "head", "since", "grep", "around_error")
_STREAMS: Final = ("stdout", "stderr", "both")


def add(verbs: "Verbs") -> None:
    """Declare them all."""
    tasks = flags.group(verbs, "tasks", "see and steer tasks")
    _add_list(tasks)
    _verb(tasks, "show", "tasks:show", "show one task with its attempts and history")
    watch = _verb(tasks, "watch", "tasks:watch", "show a task while it goes on, until it is final")
    wait = _verb(tasks, "wait", "tasks:wait_for", "wait until a task is final")
    for parser in (watch, wait):
        parser.add_argument("--timeout", metavar="S", type=flags.seconds, help="wait no longer")
    _add_logs(tasks)
    cancel = _verb(tasks, "cancel", "tasks:cancel", "end a task and its processes")
    _verb(tasks, "retry", "tasks:retry", "start a final task once more, as a new task")
    approve = _verb(tasks, "approve", "decide:approve", "let a task start that waits for approval")
    reject = _verb(tasks, "reject", "decide:reject", "refuse a task that waits for approval")
    _add_answer(tasks)
    for parser in (cancel, approve, reject):
        parser.add_argument("--reason", metavar="TEXT", help="kept in the task's history")


def _verb(tasks: "Verbs", name: str, action: str, summary: str) -> argparse.ArgumentParser:
    parser = flags.verb(
        tasks,
        name,
        action,
        summary,
        example=f"errandry tasks {name} disk-usage-7",
        flags=flags.connection(),
    )
    parser.add_argument("ref", metavar="REF", help=_REF)
    return parser


def _add_list(tasks: "Verbs") -> None:
    parser = flags.verb(
        tasks,
        "list",
        "tasks:list_tasks",
        "list tasks, newest first; every owner's unless --token is given",
        example="errandry tasks list --state running --since 2h",
        flags=flags.connection(),
    )
    add = parser.add_argument
    add("--state", choices=[*State], action="append", metavar="STATE", help="may be repeated (or)")
    add("--command", metavar="NAME", help="only tasks of this command")
    add(
        "--label",
        metavar="k=v",
        type=flags.label,
        action="append",
        default=[],
        help="may be repeated (and)",
    )
    add(
        "--since",
        metavar="WHEN",
        type=flags.moment,
        help="made since 2h, 7d or 2026-11-24T08:00:00Z",
    )
    add("--owner", metavar="SUB", help="only tasks of this owner; * is every owner")
    add("--limit", metavar="N", type=flags.count, default=20, help="how many (default: 20)")


def _add_answer(tasks: "Verbs") -> None:
    parser = flags.verb(
        tasks,
        "answer",
        "answer:answer",
        "answer what a task asks; on a terminal it asks you",
        example="errandry tasks answer deploy-3 confirm=true",
        flags=flags.connection(),
    )
    parser.add_argument("ref", metavar="REF", help=_REF)
    parser.add_argument(
        "arguments",
        metavar="key=value",
        nargs="*",
        help="the fields of the answer, written as for run",
    )
    parser.add_argument("--question", metavar="KEY", help="which, where a task asks several")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--accept", action="store_true", help="agree, with the defaults of its fields")
    how.add_argument("--decline", action="store_true", help="do not answer; the task fails")


def _add_logs(tasks: "Verbs") -> None:
    parser = _verb(tasks, "logs", "logs:logs", "print what a task wrote")
    add = parser.add_argument
    add("-f", "--follow", action="store_true", help="go on until the task is final")
    add("--mode", choices=_MODES, metavar="MODE", help=f"{', '.join(_MODES)} (default: tail)")
    add("--lines", metavar="N", type=flags.count, help="how many (default: 100)")
    add("--grep", metavar="PATTERN", help="lines that match a regular expression")
    add(
        "--stream",
        choices=_STREAMS,
        metavar="STREAM",
        help=f"{', '.join(_STREAMS)} (default: both)",
    )
    add("--attempt", metavar="N", type=flags.count, help="default: the last")
    add("--raw", action="store_true", help="the whole log, byte for byte")
