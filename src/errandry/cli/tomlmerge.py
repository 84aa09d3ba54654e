"""Changes one table in the text of a TOML file and leaves every other byte where it is.

The standard library reads TOML and does not write it, so tables are found by their headers. Whoever
uses this compares what the new text says with what it should say: a header inside a string of many
lines, or a table written another way, does not pass that.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final

from errandry.cli.clients import NAME

_HEADER: Final = re.compile(r"^[ \t]*\[.*$", re.MULTILINE)
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_REMARKS: Final = re.compile(r"(?:^[ \t]*(?:#[^\n]*)?(?:\n|\Z))*\Z", re.MULTILINE)


def load(text: str) -> dict[str, Any]:
    """Parse the text.

    Raises:
        ValueError: it is no TOML.
    """
    return tomllib.loads(text)


def is_plain(text: str) -> bool:  # noqa: ARG001 - the same question as of JSON
    """Say yes: comments belong to TOML."""
    return True


def put(text: str, section: str, entry: Mapping[str, Any]) -> str:
    """Return the text with our table: in the place of the old one, else at the end."""
    line = "\r\n" if "\r\n" in text else "\n"
    table = _table(section, entry).replace("\n", line)
    spans = _spans(text, section)
    if not spans:
        gap = line if text else ""
        return f"{text}{gap}{table}"
    for start, end in reversed(spans[1:]):
        text = text[:start] + text[end:]
    start, end = spans[0]
    return text[:start] + table + text[end:]


def drop(text: str, section: str) -> str:
    """Return the text without our table."""
    line = "\r\n" if "\r\n" in text else "\n"
    for start, end in reversed(_spans(text, section)):
        head, tail = text[:start], text[end:]
        if head.endswith(line * 2) or not tail:
            head = head.removesuffix(line)
        text = head + tail
    return text


def _spans(text: str, section: str) -> list[tuple[int, int]]:
    """Return where our table and those below it stand; remarks behind one belong to the next."""
    name = rf"""(?:{NAME}|"{NAME}"|'{NAME}')"""
    ours = re.compile(rf"[ \t]*\[[ \t]*{section}[ \t]*\.[ \t]*{name}[ \t]*(?:\..*)?\]")
    headers = list(_HEADER.finditer(text))
    spans = []
    for header, end in zip(headers, _ends(headers, text), strict=True):
        if ours.match(header[0]):
            remarks = _REMARKS.search(text, header.start(), end)
            spans.append((header.start(), remarks.start() if remarks else end))
    return spans


def _ends(headers: Sequence[re.Match[str]], text: str) -> list[int]:
    """Return where the part below each header ends."""
    return [header.start() for header in headers[1:]] + [len(text)] * bool(headers)


def _table(section: str, entry: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_value(value)}\n" for key, value in entry.items()]
    return f"[{section}.{NAME}]\n{''.join(lines)}"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    """Write a value on one line (TOML 1.0); a JSON string is a TOML string but for DEL."""
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value).lower()
