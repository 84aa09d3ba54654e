"""Who runs this, and under which settings."""

import os
from collections.abc import Iterator

from errandry.cli.checks.finding import Finding, Ground
from errandry.settings import unknown_variables


def check(_: Ground) -> Iterator[Finding]:
    """Look at the account and at variables that have no effect."""
    if os.geteuid() == 0:
        yield Finding(
            "warn",
            "account",
            "this is root, and every command of a server started by root runs as root",
            "Start the server under an account that may do no more than its commands need.",
        )
    else:
        yield Finding("ok", "account", f"user id {os.geteuid()}")
    unknown = unknown_variables()
    if not unknown:
        yield Finding("ok", "settings", "all of them are allowed")
    for sentence in unknown:
        yield Finding("warn", "settings", sentence, "Correct the name, or unset it.")
