"""``errandry tasks logs REF``: what a task wrote."""

import argparse
import sys
from typing import Final

from errandry.cli import render
from errandry.cli.api import Api, Document, task_path
from errandry.cli.connection import connect
from errandry.cli.exits import Exit

_PAGE_LINES: Final = 1000


def logs(options: argparse.Namespace) -> Exit:
    """Print a part of a log, all of it as stored (`--raw`), or what comes (`--follow`)."""
    with connect(options) as api:
        if options.raw:
            _download(api, options)
        elif options.follow:
            _follow(api, options)
        else:
            _print(api.get(task_path(options.ref, "logs"), **_query(options)), options)
    return Exit.DONE


def _query(options: argparse.Namespace) -> Document:
    return {
        "mode": options.mode or ("tail" if options.grep is None else "grep"),
        "lines": options.lines,
        "pattern": options.grep,
        "stream": options.stream,
        "attempt": options.attempt,
    }


def _download(api: Api, options: argparse.Namespace) -> None:
    path = task_path(options.ref, "logs")
    for chunk in api.download(path, stream=options.stream, attempt=options.attempt):
        sys.stdout.buffer.write(chunk)
    sys.stdout.flush()


def _follow(api: Api, options: argparse.Namespace) -> None:
    """Print the end of the log, then what comes, attempt after attempt, until the task is final."""
    path, status_path = task_path(options.ref, "logs"), task_path(options.ref, "status")
    log = api.get(path, **_query(options))
    _print(log, options)
    status = api.get(status_path)
    while True:
        log = _print_rest(api, log, options)
        has_next = status["attempt"] > log["attempt"]
        if has_next and options.attempt is None:
            log = {"attempt": log["attempt"] + 1, "cursor": None}
        elif has_next or status["final"]:
            return
        else:
            # The status is read before the log: what is final has no more to come.
            status = api.get(status_path, wait_s=1, revision=status["revision"])


def _print_rest(api: Api, log: Document, options: argparse.Namespace) -> Document:
    """Print what stands behind a cursor; return the last page, which is empty."""
    behind = {
        "mode": "since" if options.grep is None else "grep",
        "lines": _PAGE_LINES,
        "pattern": options.grep,
        "stream": options.stream,
        "attempt": log["attempt"],
    }
    while log["attempt"]:  # before the first there is no log to point into
        log = api.get(task_path(options.ref, "logs"), cursor=log["cursor"], **behind)
        if not log["text"]:
            break
        _print(log, options)
    return log


def _print(log: Document, options: argparse.Namespace) -> None:
    if options.json:
        render.print_json(log)
        return
    render.print_output(log["text"])
    if options.follow:
        return
    hidden = [f"{log['omitted_lines']} lines not shown"] if log["omitted_lines"] else []
    hidden += [f"{log['lost_bytes']} bytes over the limit not kept"] if log["lost_bytes"] else []
    if hidden:
        render.complain(f"({'; '.join(hidden)}; --lines shows more, --raw all that is kept)")
