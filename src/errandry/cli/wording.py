"""Words for people: safe on a terminal, short enough for a line."""

import json
import unicodedata
from datetime import datetime
from typing import Any, Final

from errandry import clock
from errandry.principal import LOCAL_ISSUER

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


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


def pretty(document: Any) -> str:
    """Write a document over several lines, for reading."""
    return safe(json.dumps(document, indent=2, ensure_ascii=False))


def says(status: dict[str, Any]) -> str:
    """Say in a few words what a task does, or waits for."""
    alias = status["alias"]
    match status["status"]:
        case "awaiting_approval":
            return f"somebody must decide: errandry tasks approve {alias}"
        case "input_required":
            return f"somebody must answer: errandry tasks answer {alias}"
        case "queued" if status["queue_position"]:
            return f"number {status['queue_position']} in the queue"
        case "running":
            return progress(status["progress"]) or status["last_line"] or ""
        case _:
            return ""


def progress(document: dict[str, Any] | None) -> str:
    """Say how far a task is: ``3/10 third of ten``."""
    if not document:
        return ""
    current, total = document["current"], document["total"]
    counted = "" if current is None else f"{current:g}" + ("" if total is None else f"/{total:g}")
    return " ".join(part for part in (counted, document["message"]) if part)


def age(moment: str, now: datetime | None = None) -> str:
    """Say how long ago a moment of the wire was, in its largest unit."""
    passed_s = int(((now or clock.now()) - clock.parse_rfc3339(moment)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if passed_s >= size:
            return f"{passed_s // size}{unit}"
    return f"{max(0, passed_s)}s"


def name(principal: dict[str, Any]) -> str:
    """Name a principal; the issuer is told when it is not the local one."""
    if principal["iss"] == LOCAL_ISSUER:
        return str(principal["sub"])
    return f"{principal['sub']} of {principal['iss']}"


def fault(file: str, line_number: int | None, message: str) -> str:
    """Write a fault of a file as compilers do, so that editors find the place."""
    return f"{file}:{line_number or 1}: {message}"
