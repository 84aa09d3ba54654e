"""A page of a log: lines that fit a budget, cleaned for reading. Pure; the service feeds it lines."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

LogMode = Literal["tail", "head", "since", "grep", "around_error"]
LogStream = Literal["stdout", "stderr", "both"]
Ansi = Literal["strip", "keep"]

_ESCAPES: Final = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: a title, a link
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colour, cursor
    r"|\x1b[ -/]*[0-~]"  # the two-character ones
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
"""ECMA-48 escape sequences and the control characters that are no layout."""

_MARKER_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class LogPage:
    """What a reader gets.

    Lines count from 1; `from_line` and `to_line` are None when none is shown. `lost_bytes` is
    output over the cap, which was never kept.
    """

    text: str
    cursor: str
    from_line: int | None
    to_line: int | None
    total_lines: int
    total_bytes: int
    omitted_lines: int
    omitted_bytes: int
    folded_lines: int
    lost_bytes: int
    attempt: int
    final: bool


def split_lines(data: bytes) -> list[bytes]:
    """Return the lines of a chunk without their ends; the last one may have had none."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def clean(line: bytes, ansi: Ansi) -> str:
    """Return a line as text: as it is with ``keep``, else without escape sequences.

    Of a line that was overwritten by carriage returns (a progress bar) the last version remains,
    as on a terminal.
    """
    text = line.decode("utf-8", "replace")
    if ansi == "keep":
        return text
    text = text.rstrip("\r")
    if "\r" in text:
        text = text.rsplit("\r", 1)[1]
    return _ESCAPES.sub("", text)


@dataclass(slots=True)
class _Run:
    text: str
    count: int = 1


class Page:
    """Lines in order, added at either end as long as the budget of bytes lasts."""

    def __init__(self, max_bytes: int, *, fold: bool, ansi: Ansi) -> None:
        self._left = max_bytes
        self._fold = fold
        self._ansi = ansi
        self._runs: deque[_Run] = deque()
        self.lines = 0
        self.raw_bytes = 0
        self.first: int | None = None
        self.last: int | None = None

    def append(self, number: int, raw: bytes) -> bool:
        """Add line `number` (from 0) behind the others; False when it does not fit any more."""
        if not self._add(raw, behind=True):
            return False
        self._count(number, raw)
        return True

    def prepend(self, number: int, raw: bytes) -> bool:
        """Add line `number` (from 0) before the others; False when it does not fit any more."""
        if not self._add(raw, behind=False):
            return False
        self._count(number, raw)
        return True

    def separate(self) -> bool:
        """Mark a gap behind what is there, if anything is; False when it does not fit."""
        if not self._runs:
            return True
        if self._left < 3:
            return False
        self._runs.append(_Run("--"))
        self._left -= 3
        return True

    def _add(self, raw: bytes, *, behind: bool) -> bool:
        text = clean(raw, self._ansi)
        neighbour = (self._runs[-1] if behind else self._runs[0]) if self._runs else None
        if self._fold and neighbour is not None and neighbour.text == text:
            if neighbour.count == 1:
                if self._left < _MARKER_BYTES:
                    return False
                self._left -= _MARKER_BYTES
            neighbour.count += 1
            return True
        cost = len(text.encode()) + 1
        if cost > self._left:
            if self._runs or self._left < 2:
                return False
            text = _cut(text, self._left - 1, keep_end=not behind)  # one line over the whole budget
            cost = self._left
        self._left -= cost
        (self._runs.append if behind else self._runs.appendleft)(_Run(text))
        return True

    def _count(self, number: int, raw: bytes) -> None:
        self.lines += 1
        self.raw_bytes += len(raw) + 1
        self.first = number if self.first is None else min(self.first, number)
        self.last = number if self.last is None else max(self.last, number)

    @property
    def folded_lines(self) -> int:
        """How many lines are not written out because the one before is the same."""
        return sum(run.count - 1 for run in self._runs)

    def text(self) -> str:
        """The page; every line ends with a line feed."""
        return "".join(f"{line}\n" for line in self._written())

    def _written(self) -> Iterator[str]:
        for run in self._runs:
            yield run.text
            if run.count > 1:
                yield f"[the line above {run.count - 1} times more]"


def _cut(text: str, size: int, *, keep_end: bool) -> str:
    """Cut a text to at most `size` bytes of UTF-8 without splitting a character."""
    data = text.encode()
    return (data[-size:] if keep_end else data[:size]).decode("utf-8", "ignore") if size else ""
