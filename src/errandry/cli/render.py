"""Text for people: safe on a terminal, aligned when somebody looks, plain for other programs."""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TextIO

from errandry import clock
from errandry.principal import LOCAL_ISSUER

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def print_json(document: Any) -> None:
    """Print one document on one line, in ASCII: any terminal and any pipe takes it."""
    print(json.dumps(document, separators=(",", ":")), flush=True)


def pretty(document: Any) -> str:
    """Write a document over several lines, for reading."""
    return safe(json.dumps(document, indent=2, ensure_ascii=False))


def safe(text: str) -> str:
    r"""Return the text with what steers a terminal or hides other text written as ``\u001b``.

    A task's title, arguments and output come from others; an escape sequence or a right-to-left
    mark among them could show an approver something else than what will run. Line ends and tabs
    stay.
    """
    return "".join(
        f"\\u{ord(character):04x}"
        if character not in "\n\t" and unicodedata.category(character) in _UNSAFE
        else character
        for character in text
    )


def line(text: str) -> str:
    """Return the text as one safe line."""
    return safe(" ".join(text.split()))


def complain(*lines: str) -> None:
    """Print lines on stderr."""
    for text in lines:
        print(safe(text), file=sys.stderr, flush=True)


def print_output(text: str) -> None:
    """Print what a task wrote: safe on a terminal, as it is into a pipe or file."""
    if sys.stdout.isatty():
        text = safe(text.replace("\r\n", "\n"))
    sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
    sys.stdout.flush()


def is_screen(stream: TextIO) -> bool:
    """Whether a person looks at the stream on a terminal that can be drawn on."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: aligned on a terminal, else one line a row with tabs between the cells."""
    safe_rows = [[line(cell) for cell in row] for row in rows]
    if is_screen(sys.stdout):
        from errandry.cli import screen  # noqa: PLC0415 - loads rich, which takes a tenth of a second

        screen.draw_table(head, safe_rows)
    else:
        for row in (head, *safe_rows):
            print("\t".join(row))


def age(moment: str, now: datetime | None = None) -> str:
    """Say how long ago a moment of the wire was, in its largest unit."""
    passed_s = int(((now or clock.now()) - clock.parse_rfc3339(moment)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if passed_s >= size:
            return f"{passed_s // size}{unit}"
    return f"{max(0, passed_s)}s"


def progress(document: dict[str, Any] | None) -> str:
    """Say how far a task is: ``3/10 third of ten``."""
    if not document:
        return ""
    current, total = document["current"], document["total"]
    counted = "" if current is None else f"{current:g}" + ("" if total is None else f"/{total:g}")
    return " ".join(part for part in (counted, document["message"]) if part)


def name(principal: dict[str, Any]) -> str:
    """Name a principal; the issuer is told when it is not the local one."""
    if principal["iss"] == LOCAL_ISSUER:
        return str(principal["sub"])
    return f"{principal['sub']} of {principal['iss']}"


def fault(file: str, line_number: int | None, message: str) -> str:
    """Write a fault of a file as compilers do, so that editors find the place."""
    return f"{file}:{line_number or 1}: {message}"
