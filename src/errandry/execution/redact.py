"""Hides the values of secrets in what an attempt writes, also when they come in pieces.

Best effort: a value is found as it is, and as JSON, URLs and base64 write it. What a program splits,
encrypts or encodes otherwise is not.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

MARK: Final = b"***"
SHORTEST: Final = 4
"""Characters. A shorter value stands everywhere by chance; the mark is shorter than any value."""

Span = tuple[int, int]


class Redaction:
    """The values that nothing may show. Every byte that belongs to one is hidden."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms = tuple(sorted({form for value in values for form in _forms(value)}))

    def __bool__(self) -> bool:
        return bool(self._forms)

    def stream(self) -> "Redactor":
        """Return what hides them in one stream of bytes."""
        return Redactor(self._forms)

    def text(self, text: str) -> str:
        """Return the text with a mark in place of each value."""
        if not self._forms:
            return text
        redactor = self.stream()
        hidden = redactor.feed(text.encode("utf-8", "surrogatepass")) + redactor.close()
        return hidden.decode("utf-8", "surrogatepass")

    def document(self, document: Any) -> Any:
        """Return the JSON document with all its texts, keys and numbers redacted."""
        if not self._forms:
            return document
        if isinstance(document, dict):
            return {self.text(key): self.document(value) for key, value in document.items()}
        if isinstance(document, list):
            return [self.document(item) for item in document]
        if isinstance(document, str):
            return self.text(document)
        written = json.dumps(document)
        hidden = self.text(written)
        return document if hidden == written else hidden


class Redactor:
    """Hides values in a stream, and holds back what may be the beginning of one.

    However the stream is cut, the same comes out.
    """

    def __init__(self, forms: tuple[bytes, ...]) -> None:
        self._forms = forms
        self._held = b""
        self._hidden = 0  # so many bytes of what is held belong to a value that was seen already

    def feed(self, data: bytes) -> bytes:
        """Return what of the stream can be shown by now."""
        if not self._forms:
            return data
        data = self._held + data
        return self._show(data, len(data) - self._open(data))

    def close(self) -> bytes:
        """Return the rest: no value can become whole any more."""
        return self._show(self._held, len(self._held))

    def _show(self, data: bytes, end: int) -> bytes:
        """Return the bytes before `end` without values, and hold the others."""
        shown, at, goes_on = [], self._hidden, self._hidden > 0
        for first, last in _joined([(0, self._hidden), *self._found(data)]):
            if first >= end:
                break
            shown += [data[at:first], b"" if goes_on else MARK]
            at, goes_on = last, False
        shown.append(data[at:end])
        self._held, self._hidden = data[end:], max(0, at - end)
        return b"".join(shown)

    def _found(self, data: bytes) -> Iterator[Span]:
        """Yield where forms stand, overlapping ones as well."""
        for form in self._forms:
            first = data.find(form)
            while first >= 0:
                yield first, first + len(form)
                first = data.find(form, first + 1)

    def _open(self, data: bytes) -> int:
        """Return how many bytes at the end may be the beginning of a form."""
        longest = 0
        for form in self._forms:
            first = data.find(form[:1], max(0, len(data) - len(form) + 1))
            while first >= 0 and not form.startswith(data[first:]):
                first = data.find(form[:1], first + 1)
            if first >= 0:
                longest = max(longest, len(data) - first)
        return longest


def _joined(spans: list[Span]) -> list[Span]:
    """Return the spans in order; those that overlap are one."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        elif last > first:
            joined.append((first, last))
    return joined


def _forms(value: str) -> Iterator[bytes]:
    """Yield how a value may be written. Space around it often gets lost, so it does not count."""
    text = value.strip()
    yield text.encode()
    for is_ascii in (True, False):
        yield json.dumps(text, ensure_ascii=is_ascii)[1:-1].encode()
    for written in (quote(text), quote(text, safe=""), quote_plus(text)):
        yield written.encode()
    yield from _base64_forms(text.encode())


def _base64_forms(value: bytes) -> Iterator[bytes]:
    """Yield the characters that the value alone decides, with 0, 1 or 2 bytes of a group before it."""
    for before in range(3):
        first, last = -(-8 * before // 6), 8 * (before + len(value)) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + value)[first:last]
