"""Arguments into an HTTP request: where it goes is fixed, and a value never leaves its place."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from errandry import jsontext
from errandry.commands import pointer
from errandry.commands.httprules import has_control_character
from errandry.commands.model import HttpSpec
from errandry.commands.placeholders import Placeholder, parts
from errandry.errors import Fault, InvalidArguments

MAX_URL: Final = 16 * 1024
"""Characters. Servers are asked to take 8,000 (RFC 9110 section 4.1), so more is a mistake."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send. Header values and content may hold secrets."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)


def render_request(
    http: HttpSpec, arguments: Mapping[str, Any], secrets: Mapping[str, str]
) -> HttpRequest:
    """Put arguments and secrets into the places of a checked definition.

    What has a placeholder without a value is left out, but the URL needs all of its own.

    Raises:
        InvalidArguments: a value has no text form for its place, is missing, empty, ``.`` or ``..``
            in the path, has a line break in a header, or makes the URL too long.
    """
    filling = _Filling(arguments, secrets)
    url, headers = filling.url(http), filling.headers(http)
    content = filling.content(http, headers)
    if len(url) > MAX_URL:
        filling.refuse(f"the URL would have {len(url)} characters", f"at most {MAX_URL}")
    if filling.faults:
        first = filling.faults[0]
        raise InvalidArguments(
            f"An argument cannot be put into the request: {first.message}", faults=filling.faults
        )
    return HttpRequest(http.method, url, headers, content)


@dataclass(slots=True)
class _Filling:
    """One rendering: takes values from the arguments and collects all that is wrong with them."""

    arguments: Mapping[str, Any]
    secrets: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)

    def url(self, http: HttpSpec) -> str:
        place, _, query = http.url.partition("?")
        scheme, _, place = place.partition("://")
        host, *segments = place.split("/")
        path = "".join(f"/{self._segment(segment)}" for segment in segments)
        pairs = [self._in_url(query)] if query else []
        for name, text in http.query.items():
            pairs += [f"{_encoded(name)}={_encoded(value)}" for value in self._query_values(text)]
        return f"{scheme}://{host}{path}" + ("?" if pairs else "") + "&".join(pairs)

    def headers(self, http: HttpSpec) -> dict[str, str]:
        headers = {}
        for name, text in http.headers.items():
            for value in self._filled(text):
                if has_control_character(value):
                    message = f"the header {name} would hold a line break or a control character"
                    self.refuse(message, "one line of text", *_names(text)[:1])
                headers[name] = value.strip(" \t")
        return headers

    def content(self, http: HttpSpec, headers: dict[str, str]) -> bytes | None:
        """Return the body, and add its type to the headers if they do not name one."""
        if http.json_body is not None:
            kind = "application/json"
            bodies = [jsontext.compact(document) for document in self._json(http.json_body)]
        elif http.body is not None:
            kind = "text/plain; charset=utf-8"
            bodies = self._filled(http.body)
        else:
            return None
        if bodies and "content-type" not in map(str.lower, headers):
            headers["Content-Type"] = kind
        return bodies[0].encode() if bodies else None

    def refuse(self, message: str, allowed: Any, *place: str | int) -> None:
        self.faults.append(Fault(pointer.join("/arguments", *place), message, allowed))

    def _segment(self, text: str) -> str:
        """Return a part of the path; a value neither ends it nor leads out of it."""
        segment = self._in_url(text)
        if (names := _names(text)) and segment in ("", ".", ".."):
            allowed = 'neither empty nor "." nor ".."'
            self.refuse(f'"{segment}" cannot be a part of the path', allowed, names[0])
        return segment

    def _in_url(self, text: str) -> str:
        found = []
        for part in parts(text):
            if isinstance(part, str):
                found.append(part)
            elif (value := self._value(part)) is not None:
                found.append(_encoded(value))
            else:
                self.refuse(f'the URL needs "{part.name}"', "text or a number", part.name)
        return "".join(found)

    def _query_values(self, text: str) -> list[str]:
        """Return the value, one for each item of a list, or none when an argument is absent."""
        name = _whole(text)
        items = self.arguments.get(name) if name else None
        if name is None or not isinstance(items, list):
            return self._filled(text)
        values = [self._scalar(item, name, number) for number, item in enumerate(items)]
        return [value for value in values if value is not None]

    def _json(self, value: Any) -> Iterator[Any]:
        """Yield the document with its placeholders filled, or nothing when it is left out."""
        if isinstance(value, dict):
            yield {key: filled for key, item in value.items() for filled in self._json(item)}
        elif isinstance(value, list):
            yield [filled for item in value for filled in self._json(item)]
        elif isinstance(value, str):
            yield from self._json_text(value)
        else:
            yield value

    def _json_text(self, text: str) -> list[Any]:
        name = _whole(text)
        if name is None:
            return self._filled(text)
        value = self.arguments.get(name)
        return [] if value is None else [value]

    def _filled(self, text: str) -> list[str]:
        """Return the text with its values, or nothing when one of them is absent."""
        values = [part if isinstance(part, str) else self._value(part) for part in parts(text)]
        known = [value for value in values if value is not None]
        return ["".join(known)] if len(known) == len(values) else []

    def _value(self, placeholder: Placeholder) -> str | None:
        if placeholder.secret is not None:
            return self.secrets.get(placeholder.secret, "")
        value = self.arguments.get(placeholder.name)
        return None if value is None else self._scalar(value, placeholder.name)

    def _scalar(self, value: Any, *place: str | int) -> str | None:
        """Return the text of a value: text as it is, numbers and booleans as JSON writes them."""
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return json.dumps(value)
        allowed = ["string", "number", "boolean"]
        self.refuse("only text, numbers and booleans can stand here", allowed, *place)
        return None


def _whole(text: str) -> str | None:
    """Return the name of the argument that is all of a text, or None."""
    found = parts(text)
    if len(found) == 1 and isinstance(found[0], Placeholder) and found[0].secret is None:
        return found[0].name
    return None


def _names(text: str) -> list[str]:
    return [part.name for part in parts(text) if isinstance(part, Placeholder)]


def _encoded(text: str) -> str:
    return quote(text, safe="")
