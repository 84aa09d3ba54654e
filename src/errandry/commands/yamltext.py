"""YAML as we accept it: JSON with fewer brackets, read from the parser's events.

Nothing is built from tags, aliases or merge keys, so a small text cannot become a large document.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from errandry import jsontext
from errandry.commands import pointer, yamlscalar

MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 10_000
MAX_MESSAGE: Final = 300

_Parser: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class YamlError(ValueError):
    """The text is not YAML as we accept it; `line` counts from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "…")
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says, and on which line each part of it begins (by JSON pointer)."""

    value: Any
    lines: dict[str, int]

    def line_of(self, path: str) -> int:
        """Return the line of the thing at `path`, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = pointer.parent(path)
        return self.lines.get(path, 1)


def read(text: bytes) -> Document:
    """Read one document.

    Raises:
        YamlError: not UTF-8, no YAML, over 64 KiB, 10,000 values or 32 levels, or with an anchor,
            alias, tag, merge key, repeated key, key that is no text, or second document.
    """
    if len(text) > MAX_BYTES:
        raise YamlError(f"the text has {len(text)} bytes; at most {MAX_BYTES} are allowed")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlError(
            f"not UTF-8 at byte {error.start}", text.count(b"\n", 0, error.start) + 1
        ) from error
    reading = _Reading()
    for event in _events(decoded):
        reading.take(event)
    return reading.document()


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_Parser)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(what, mark.line + 1 if mark else 1) from error
    except (
        yaml.YAMLError,
        ValueError,
        OverflowError,
    ) as error:  # a control character, a bad escape
        raise YamlError(str(error).partition("\n")[0]) from error


@dataclass(slots=True)
class _Open:
    """A list or object that has begun and not ended; `key` waits for its value."""

    value: list[Any] | dict[str, Any]
    path: str
    key: str | None = None


@dataclass(slots=True)
class _Reading:
    """The state between two events. A stack instead of recursion: depth is data, not a crash."""

    open: list[_Open] = field(default_factory=list)
    roots: list[Any] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    nodes: int = 0

    def document(self) -> Document:
        if not self.roots:
            raise YamlError("the text is empty")
        return Document(self.roots[0], self.lines)

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.NodeEvent):
            self._take_node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
        elif isinstance(event, yaml.DocumentStartEvent) and self.roots:
            raise YamlError("a second document begins; one file holds one", _line(event))

    def _take_node(self, event: yaml.NodeEvent) -> None:
        _refuse_indirection(event)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES} values", _line(event))
        holder = self.open[-1] if self.open else None
        if holder and isinstance(holder.value, dict) and holder.key is None:
            self._take_key(event, holder, holder.value)
        elif isinstance(event, yaml.ScalarEvent):
            self._place(_scalar(event), event)
        else:
            if len(self.open) == MAX_DEPTH:
                raise YamlError(f"nested deeper than {MAX_DEPTH} levels", _line(event))
            value: list[Any] | dict[str, Any] = (
                [] if isinstance(event, yaml.SequenceStartEvent) else {}
            )
            self.open.append(_Open(value, self._place(value, event)))

    def _take_key(self, event: yaml.NodeEvent, holder: _Open, members: dict[str, Any]) -> None:
        key = _scalar(event) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(key, str):
            raise YamlError("a key must be text; put it in quotes", _line(event))
        if key == "<<" and _is_plain(event):
            raise YamlError("merge keys (<<) are not allowed; write the fields out", _line(event))
        if key in members:
            raise YamlError(f'the key "{key}" stands twice in one object', _line(event))
        holder.key = key
        self.lines[pointer.join(holder.path, key)] = _line(event)

    def _place(self, value: Any, event: yaml.Event) -> str:
        """Put a value where it belongs and return its pointer."""
        match self.open:
            case [*_, _Open(value=list() as items, path=around)]:
                path = pointer.join(around, len(items))
                items.append(value)
            case [*_, _Open(value=dict() as members, path=around, key=str(key)) as holder]:
                path = pointer.join(around, key)
                members[key] = value
                holder.key = None
            case _:
                path = ""
                self.roots.append(value)
        self.lines.setdefault(path, _line(event))
        return path


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _is_plain(event: yaml.NodeEvent) -> bool:
    return isinstance(event, yaml.ScalarEvent) and bool(event.implicit[0])


def _refuse_indirection(event: yaml.NodeEvent) -> None:
    if isinstance(event, yaml.AliasEvent):
        raise YamlError(
            f"aliases (*{event.anchor}) are not allowed; write the value out", _line(event)
        )
    if event.anchor is not None:
        raise YamlError(f"anchors (&{event.anchor}) are not allowed", _line(event))
    if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
        raise YamlError(f"tags ({event.tag}) are not allowed", _line(event))


def _scalar(event: yaml.ScalarEvent) -> Any:
    try:
        jsontext.check_text(event.value)
        return yamlscalar.resolve(event.value) if _is_plain(event) else event.value
    except ValueError as error:
        raise YamlError(str(error), _line(event)) from error
