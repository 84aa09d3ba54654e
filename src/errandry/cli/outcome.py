"""How a final task is told: its output to stdout, its log and its error to stderr."""

from typing import Final

from errandry.cli import render, wording
from errandry.cli.api import Api, Document, task_path
from errandry.cli.exits import Exit

_LOG_LINES: Final = 20
_PROCESS: Final = {"exit_code", "output", "output_truncated"}


def exit_of(task: Document) -> Exit:
    """Return the exit status that a final task stands for."""
    return Exit.DONE if task["state"] == "succeeded" else Exit.FAILED


def tell(task: Document) -> None:
    """Say in a line how the task ended; when it did not succeed also why."""
    error = task["error"] or {}
    told = [f"{task['alias']} {task['state']}"]
    if error:
        told = [f"{told[0]}: {error['message']}"]
        told += [
            f"  {name}: {error[name]}"
            for name in ("code", "exit_code", "signal")
            if error[name] is not None
        ]
        told.append(f"  attempt: {error['attempt']} of {task['max_attempts']}")
        told += [f"  | {line}" for line in (error["output"] or "").splitlines()[-_LOG_LINES:]]
    render.complain(*told)


def print_result(api: Api, task: Document) -> None:
    """Print what a task gave, if it succeeded.

    A process without a document of its own: its stdout to stdout, the end of its stderr to stderr.
    Otherwise the document to stdout, the end of the log to stderr.
    """
    if exit_of(task) is not Exit.DONE:
        return
    result = task["result"]
    plain = isinstance(result, dict) and result.keys() == _PROCESS
    log = api.get(
        task_path(task["id"], "logs"), lines=_LOG_LINES, stream="stderr" if plain else "both"
    )
    if log["text"]:
        render.complain(log["text"].rstrip("\n"))
    if not plain:
        print(wording.pretty(result))
        return
    render.print_output(result["output"])
    if result["output_truncated"]:
        render.complain(
            f"Only the end is shown; all of it: errandry tasks logs {task['alias']} --raw"
        )
