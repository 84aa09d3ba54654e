"""What an HTTP request must obey beyond its shape, checked once when its definition is read."""

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Literal

from errandry.commands import pointer
from errandry.commands.model import HttpSpec
from errandry.commands.placeholders import BadTemplate, Placeholder, parts
from errandry.commands.rules import declared_types, unknown_name
from errandry.errors import Fault

Place = Literal["url", "query", "header", "body", "json"]

_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]+))?(?=[/?]|$)"
)
_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]+)")
_DOTTED: Final = re.compile(r"[0-9]+(\.[0-9]+){3}")
_REST: Final = re.compile(r"[^\s\x00-\x1f\x7f#\\]*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token, RFC 9110 section 5.6.2
_OURS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_SCALARS: Final = frozenset({"string", "number", "integer", "boolean"})
_URL: Final = "http:// or https://, a host in ASCII, a port if need be, and a path"


def http_faults(
    http: HttpSpec,
    parameters: Mapping[str, Any],
    secrets: Collection[str],
    prefix: str = "/run/http",
) -> Iterator[Fault]:
    """Yield what is wrong with a request; `parameters` are schemas by name, `secrets` names."""
    rules = _Rules(parameters, secrets)
    yield from _url_faults(http.url, pointer.join(prefix, "url"))
    yield from rules.text_faults(http.url, "url", pointer.join(prefix, "url"))
    for name, text in http.query.items():
        yield from rules.text_faults(text, "query", pointer.join(prefix, "query", name))
    for name, text in http.headers.items():
        path = pointer.join(prefix, "headers", name)
        yield from _header_faults(name, text, path)
        yield from rules.text_faults(text, "header", path)
    for index, address in enumerate(http.allow):
        yield from _address_faults(address, pointer.join(prefix, "allow", index))
    yield from _body_faults(http, prefix)
    yield from rules.json_faults(http.json_body, pointer.join(prefix, "json"))
    if http.body is not None:
        yield from rules.text_faults(http.body, "body", pointer.join(prefix, "body"))


def _url_faults(url: str, path: str) -> Iterator[Fault]:
    origin = _ORIGIN.match(url)
    if origin is None:
        yield Fault(
            path, "scheme, host and port must be written out, without placeholders or a user", _URL
        )
        return
    yield from _host_faults(origin["host"], origin["port"], path)
    if not _REST.fullmatch(url, origin.end()):
        yield Fault(path, "a URL holds no spaces, backslashes, control characters or fragment")


def _host_faults(host: str, port: str | None, path: str) -> Iterator[Fault]:
    if port is not None and not 1 <= int(port) <= 65535:
        yield Fault(path, f"{port} is no port", "1 … 65535")
    if host.startswith("[") or _DOTTED.fullmatch(host):
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            yield Fault(path, f"{host} is no IP address")


def _address_faults(address: str, path: str) -> Iterator[Fault]:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        yield Fault(path, f'"{address}" names no host and port', '"host:port", as in the URL')
        return
    yield from _host_faults(found["host"], found["port"], path)


def _header_faults(name: str, text: str, path: str) -> Iterator[Fault]:
    if not _HEADER.fullmatch(name):
        yield Fault(path, f'"{name}" cannot be the name of a header', "letters, digits and -")
    elif name.lower() in _OURS:
        yield Fault(path, f"errandry sets the header {name} itself", "another header")
    if has_control_character(text):
        yield Fault(path, "a header value is one line without control characters")


def has_control_character(text: str) -> bool:
    """Whether the text holds what no header value may: line breaks, NUL and the like."""
    return any((ord(c) < 32 and c != "\t") or ord(c) == 127 for c in text)


def _body_faults(http: HttpSpec, prefix: str) -> Iterator[Fault]:
    given = [name for name, value in _bodies(http).items() if value is not None]
    if len(given) > 1:
        yield Fault(pointer.join(prefix, "body"), "a request has one body", "json or body")
    if given and http.method in ("GET", "HEAD"):
        path = pointer.join(prefix, given[0])
        yield Fault(path, f"a {http.method} request has no body", "POST, PUT, PATCH or DELETE")


def _bodies(http: HttpSpec) -> dict[str, Any]:
    return {"json": http.json_body, "body": http.body}


class _Rules:
    """Which values may stand where."""

    def __init__(self, parameters: Mapping[str, Any], secrets: Collection[str]) -> None:
        self._parameters = parameters
        self._secrets = secrets

    def json_faults(self, value: Any, path: str) -> Iterator[Fault]:
        if isinstance(value, str):
            yield from self.text_faults(value, "json", path)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self.json_faults(item, pointer.join(path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.json_faults(item, pointer.join(path, index))

    def text_faults(self, text: str, place: Place, path: str) -> Iterator[Fault]:
        try:
            found = parts(text)
        except BadTemplate as error:
            yield Fault(path, str(error))
            return
        for placeholder in found:
            if isinstance(placeholder, Placeholder):
                yield from self._placeholder_faults(placeholder, place, path, len(found) == 1)

    def _placeholder_faults(
        self, placeholder: Placeholder, place: Place, path: str, is_whole: bool
    ) -> Iterator[Fault]:
        if placeholder.flag is not None:
            message = f"{placeholder} switches an option of a program; write {{{placeholder.name}}}"
            yield Fault(path, message)
        elif placeholder.secret is not None:
            yield from self._secret_faults(placeholder, placeholder.secret, place, path)
        else:
            yield from unknown_name(placeholder, self._parameters, path)
            yield from self._type_faults(placeholder, place, path, is_whole)

    def _secret_faults(
        self, placeholder: Placeholder, name: str, place: Place, path: str
    ) -> Iterator[Fault]:
        if place in ("url", "query"):
            message = f"{placeholder} would show in logs on its way"
            yield Fault(path, message, "a header value or the body")
        elif name not in self._secrets:
            yield Fault(path, f'"{name}" is missing in `secrets`', sorted(self._secrets))

    def _type_faults(
        self, placeholder: Placeholder, place: Place, path: str, is_whole: bool
    ) -> Iterator[Fault]:
        if place == "json" and is_whole:
            return
        fitting = _SCALARS | {"array"} if place == "query" and is_whole else _SCALARS
        types = declared_types(self._parameters.get(placeholder.name))
        if types and not types & fitting:
            named = " or ".join(sorted(types))
            message = f'the parameter "{placeholder.name}" is of the type {named}'
            yield Fault(path, message, sorted(fitting))
