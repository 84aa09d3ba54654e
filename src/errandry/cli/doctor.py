"""``errandry doctor``: looks at everything an installation stands on and says what to do."""

import argparse
from collections.abc import Iterator
from typing import Final

from errandry.cli import render
from errandry.cli.checks import (
    account,
    cache,
    clients,
    clocks,
    commands,
    database,
    executors,
    folder,
    programs,
    server,
    tools,
)
from errandry.cli.checks.finding import Finding, Ground
from errandry.cli.config import read_settings
from errandry.cli.exits import Exit, Refusal

_CHECKS: Final = {
    "account": account.check,
    "data folder": folder.check,
    "database": database.check,
    "redis": cache.check,
    "programs": programs.check,
    "executors": executors.check,
    "commands": commands.check,
    "server": server.check,
    "tools": tools.check,
    "clients": clients.check,
    "clock": clocks.check,  # last, so that it has seen the others' time pass
}


def doctor(options: argparse.Namespace) -> Exit:
    """Print a line for everything that was looked at; the status is 1 when something failed."""
    findings = list(_findings())
    if options.json:
        for finding in findings:
            render.print_json(finding._asdict())
    else:
        head = ("level", "check", "finding", "next step")
        render.print_table(head, ((*found[:3], found.next_step or "") for found in findings))
    has_failed = any(finding.level == "fail" for finding in findings)
    return Exit.FAILED if has_failed else Exit.DONE


def _findings() -> Iterator[Finding]:
    try:
        ground = Ground(read_settings())
    except Refusal as refusal:  # nothing else can be judged without them
        for line in refusal.lines:
            yield Finding("fail", "settings", line, "Correct the variable, or unset it.")
        return
    for name, check in _CHECKS.items():
        try:
            yield from check(ground)
        except OSError as error:
            step = "Look at the owner and the mode of the file, and at the disk."
            yield Finding("fail", name, f"cannot be looked at: {error}", step)
