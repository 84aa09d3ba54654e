"""Runs one verb and turns whatever ends it into an exit status."""

import argparse
import json
import os
import pkgutil
import sys
from collections.abc import Sequence

from errandry.cli import parser, render
from errandry.cli.exits import Exit, Refusal


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        options = _parse(argv)
    except SystemExit as end:  # argparse has printed help, the version or what is wrong
        return int(end.code or 0)
    try:
        return int(pkgutil.resolve_name(options.action)(options))
    except Refusal as refusal:
        _tell(refusal, as_json=options.json)
        return refusal.exit
    except KeyboardInterrupt:
        render.complain("errandry: interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader has gone; Python would complain once more when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.PIPE_CLOSED


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse; argparse gives up on ``key=value`` words behind a flag, so they are put back here."""
    known = parser.build()
    options, rest = known.parse_known_args(argv)
    if hasattr(options, "arguments"):
        options.arguments += [word for word in rest if not word.startswith("-")]
        rest = [word for word in rest if word.startswith("-")]
    if rest:
        known.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def _tell(refusal: Refusal, *, as_json: bool) -> None:
    if as_json and refusal.problem is not None:
        print(json.dumps(refusal.problem), file=sys.stderr)
        return
    first, *more = refusal.lines
    render.complain(f"errandry: {first}", *more)
