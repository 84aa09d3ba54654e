"""What is wrong with an HTTP request is found when its file is read."""

from typing import Any

import pytest

from errandry.commands.definition import parse
from errandry.errors import InvalidCommand
from unit.commands.samples import definition


def faults(secrets: list[str] | None = None, **http: Any) -> list[str]:
    """What is wrong with a request, as lines of path and message."""
    run = {"http": {"method": "POST", "url": "https://api.example.org/", **http}}
    try:
        parse(definition(run=run, secrets=secrets or []))
    except InvalidCommand as error:
        return [f"{fault.path}: {fault.message}" for fault in error.faults]
    return []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"url": "http://127.0.0.1:8080/a/{word}/{num}.json?x={opt}&y=1"},
        {"url": "https://[2001:db8::1]:8443"},
        {"url": "https://api.example.org?q={word}"},
        {"query": {"a": "{items}", "b": "{flag}", "c": "x{word}y{opt}"}},
        {"headers": {"Authorization": "Bearer {secret:TOKEN}", "X-Word": "{word}, {num}"}},
        {"json": {"a": ["{tree}", "{items}", "as {word}", 1, None, True, "{secret:TOKEN}"]}},
        {"json": "{any}"},
        {"body": "token={secret:TOKEN}&{{}}{word}"},
        {"method": "DELETE", "body": "x"},
        {"allow": ["localhost:80", "[::1]:8080", "10.0.0.1:443"], "ok_status": [200, 404]},
    ],
)
def test_a_good_request_has_no_faults(fields: dict[str, Any]) -> None:
    assert faults(secrets=["TOKEN"], **fields) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.org/", "scheme, host and port must be written out"),
        ("{word}", "scheme, host and port must be written out"),
        ("https://{word}/", "scheme, host and port must be written out"),
        ("https://{word}.example.org/", "scheme, host and port must be written out"),
        ("https://example.org:{num}/", "scheme, host and port must be written out"),
        ("https://example.org{word}/", "scheme, host and port must be written out"),
        ("https://me:pass@example.org/", "scheme, host and port must be written out"),
        ("https://example.org\\@other.org/", "scheme, host and port must be written out"),
        ("https://exämple.org/", "scheme, host and port must be written out"),
        ("https:///path", "scheme, host and port must be written out"),
        ("https://example.org:0/", "0 is no port"),
        ("https://example.org:65536/", "65536 is no port"),
        ("https://[::1::]/", "[::1::] is no IP address"),
        ("https://256.1.1.1/", "256.1.1.1 is no IP address"),
        ("https://example.org/a b", "a URL holds no spaces"),
        ("https://example.org/a\\b", "a URL holds no spaces"),
        ("https://example.org/#part", "a URL holds no spaces"),
        ("https://example.org/{", 'a single "{"'),
        ("https://example.org/{words}", '{words} names no parameter; did you mean "word"?'),
        ("https://example.org/{tree}", 'the parameter "tree" is of the type object'),
        ("https://example.org/{items}", 'the parameter "items" is of the type array'),
        ("https://example.org/{flag?x}", "{flag?x} switches an option of a program; write {flag}"),
        ("https://example.org/{secret:TOKEN}", "{secret:TOKEN} would show in logs"),
        ("https://example.org/?t={secret:TOKEN}", "{secret:TOKEN} would show in logs"),
    ],
)
def test_a_bad_url_is_refused(url: str, message: str) -> None:
    [fault] = faults(secrets=["TOKEN"], url=url)
    assert fault.startswith(f"/run/http/url: {message}")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"query": {"q": "{secret:TOKEN}"}}, "/run/http/query/q: {secret:TOKEN} would show"),
        ({"query": {"q": "x{items}"}}, '/run/http/query/q: the parameter "items" is of the type'),
        ({"headers": {"A B": "x"}}, '/run/http/headers/A B: "A B" cannot be the name of a header'),
        ({"headers": {"": "x"}}, '/run/http/headers/: "" cannot be the name of a header'),
        ({"headers": {"HOST": "x"}}, "/run/http/headers/HOST: errandry sets the header HOST"),
        ({"headers": {"A": "x\r\nB: y"}}, "/run/http/headers/A: a header value is one line"),
        ({"headers": {"A": "{secret:OTHER}"}}, '/run/http/headers/A: "OTHER" is missing in'),
        ({"headers": {"A": "{items}"}}, '/run/http/headers/A: the parameter "items" is of the'),
        ({"json": {"a": [{"b": "{"}]}}, '/run/http/json/a/0/b: a single "{"'),
        ({"json": ["x{tree}"]}, '/run/http/json/0: the parameter "tree" is of the type object'),
        ({"body": "{nobody}"}, "/run/http/body: {nobody} names no parameter"),
        ({"body": "x", "json": 1}, "/run/http/body: a request has one body"),
        ({"method": "GET", "json": 1}, "/run/http/json: a GET request has no body"),
        ({"method": "HEAD", "body": "x"}, "/run/http/body: a HEAD request has no body"),
        ({"allow": ["localhost"]}, '/run/http/allow/0: "localhost" names no host and port'),
        ({"allow": ["http://a:80"]}, '/run/http/allow/0: "http://a:80" names no host and port'),
        ({"allow": ["a:70000"]}, "/run/http/allow/0: 70000 is no port"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(fields: dict[str, Any], expected: str) -> None:
    [fault] = faults(secrets=["TOKEN"], **fields)
    assert fault.startswith(expected)


def test_the_secrets_of_the_server_itself_cannot_be_named() -> None:
    [fault] = faults(secrets=["GOOD", "ERRANDRY_JWT_SECRET"])
    assert fault.startswith("/secrets/1: variables that begin with ERRANDRY_ belong to errandry")


def test_a_secret_has_no_place_in_the_arguments_of_a_program() -> None:
    run = {"process": {"argv": ["echo", "{secret:TOKEN}"]}}
    with pytest.raises(InvalidCommand) as refused:
        parse(definition(run=run, secrets=["TOKEN"]))
    [fault] = refused.value.faults
    assert "{secret:TOKEN} cannot stand here" in fault.message


def test_faults_of_the_shape_are_told_alone() -> None:
    assert faults(url=7) == ["/run/http/url: 7 is of the wrong type"]


def test_secrets_of_a_wrong_type_are_told_once() -> None:
    with pytest.raises(InvalidCommand) as refused:
        parse(definition(secrets=[7]))
    assert [fault.path for fault in refused.value.faults] == ["/secrets/0"]
