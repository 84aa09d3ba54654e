"""Changes one entry in the text of a JSON file and leaves every other character where it is.

Comments and trailing commas, as VS Code allows them, stay: what gets parsed is a copy with blanks in
their place, and its positions are those of the text.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from errandry.cli.clients import NAME

_COMMENT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA: Final = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_SPACE: Final = re.compile(r"\s*")
_INDENT: Final = re.compile(r'\{\s*?\n([ \t]+)"')
_decode: Final[Callable[[str, int], tuple[Any, int]]] = json.JSONDecoder().raw_decode


class _Member(NamedTuple):
    """Where the key, the value and the end of one member of an object stand."""

    key: int
    value: int
    end: int


_Members = Mapping[str, _Member]


def load(text: str) -> Any:
    """Parse the text; an empty one is an empty object.

    Raises:
        ValueError: it is no JSON, not even with comments.
    """
    return json.loads(_plain(text)) if text.strip() else {}


def is_plain(text: str) -> bool:
    """Whether it is JSON without comments and trailing commas."""
    return _plain(text) == text


def put(text: str, section: str, entry: Mapping[str, Any]) -> str:
    """Return the text with our entry in a section, which is made if it is not there."""
    text = text if text.strip() else "{}\n"
    plain = _plain(text)
    at = plain.index("{")
    root = _members(plain, at)
    if section not in root:
        return _insert(text, at, root, 1, section, {NAME: entry})
    at = root[section].value
    servers = _members(plain, at)
    if NAME not in servers:
        return _insert(text, at, servers, 2, NAME, entry)
    ours = servers[NAME]
    return text[: ours.value] + _write(text, entry, 2) + text[ours.end :]


def drop(text: str, section: str) -> str:
    """Return the text without our entry, which is there, and without the section if it is now empty.

    What holds nothing else any more becomes an empty text.
    """
    plain = _plain(text)
    root = _members(plain, plain.index("{"))
    servers = _members(plain, root[section].value)
    text = _cut(text, servers, NAME) if len(servers) > 1 else _cut(text, root, section)
    return "" if is_plain(text) and load(text) == {} else text


def _plain(text: str) -> str:
    return _TRAILING_COMMA.sub(_blank, _COMMENT.sub(_blank, text))


def _blank(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else re.sub(r"[^\n]", " ", found[0])


def _members(plain: str, start: int) -> dict[str, _Member]:
    """Return the members of the object that begins at `start`, in good JSON."""
    members: dict[str, _Member] = {}
    at = _after_space(plain, start + 1)
    while plain[at] != "}":
        key, end = _decode(plain, at)
        value = _after_space(plain, _after_space(plain, end) + 1)
        _, end = _decode(plain, value)
        members.pop(key, None)  # of two with the same key the later one counts
        members[key] = _Member(at, value, end)
        at = _after_space(plain, end)
        if plain[at] == ",":
            at = _after_space(plain, at + 1)
    return members


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _insert(text: str, start: int, members: _Members, depth: int, key: str, value: Any) -> str:
    """Put a member behind the last one of the object that begins at `start`."""
    line = _newline(text) + (_indent(text) or "") * depth
    member = f"{line}{json.dumps(key)}: {_write(text, value, depth)}"
    if members:
        end = max(member.end for member in members.values())
        return f"{text[:end]},{member}{text[end:]}"
    rest = text[start + 1 :]
    if rest.lstrip().startswith("}"):
        rest = _newline(text) + (_indent(text) or "") * (depth - 1) + rest.lstrip()
    return text[: start + 1] + member + rest


def _cut(text: str, members: _Members, key: str) -> str:
    """Take a member out with one comma beside it."""
    ours = members[key]
    before = [member.end for member in members.values() if member.end < ours.key]
    if len(before) < len(members) - 1:
        return text[: ours.key] + re.sub(r"^\s*,\s*", "", text[ours.end :])
    if not before:
        return text[: ours.key].rstrip() + re.sub(r"^\s*,?\s*", "", text[ours.end :])
    comma = _plain(text).index(",", max(before))
    return text[:comma] + text[comma + 1 : ours.key].rstrip() + text[ours.end :]


def _write(text: str, value: Any, depth: int) -> str:
    """Write a value as the text around it is written."""
    indent = _indent(text)
    written = json.dumps(value, indent=indent, ensure_ascii=False)
    return written.replace("\n", _newline(text) + (indent or "") * depth)


def _indent(text: str) -> str | None:
    """Return the indent of the text, None when all of it stands on one line."""
    if found := _INDENT.search(text):
        return found[1]
    is_one_line = "\n" not in text.strip() and text.strip("{} \t\r\n")
    return None if is_one_line else "  "


def _newline(text: str) -> str:
    if _indent(text) is None:
        return ""
    return "\r\n" if "\r\n" in text else "\n"
