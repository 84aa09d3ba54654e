"""Runs one verb and turns whatever ends it into an exit status."""

import argparse
import io
import json
import os
import pkgutil
import re
import sys
from collections.abc import Sequence
from typing import Final

from errandry.cli import parser, render
from errandry.cli.exits import Exit, Refusal

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Python's stand-in for a byte of the command line that is not UTF-8; no JSON can carry it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        options = _parse(argv)
    except SystemExit as end:  # argparse has printed help, the version or what is wrong
        return int(end.code or 0)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a locale without Unicode must not end a verb
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = int(pkgutil.resolve_name(options.action)(options))
        sys.stdout.flush()  # here, so that a reader that has gone is noticed below
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
    return status


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse; argparse gives up on ``key=value`` words behind a flag, so they are put back here."""
    words = sys.argv[1:] if argv is None else argv
    known = parser.build()
    if broken := [word for word in words if _SURROGATE.search(word)]:
        known.error(f"not in UTF-8: {broken[0]!r}")
    options, rest = known.parse_known_args(words)
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
