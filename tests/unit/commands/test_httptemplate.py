"""A value stays in its place, whatever it says."""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.commands.httptemplate import MAX_URL, HttpRequest, render_request
from errandry.commands.model import HttpSpec
from errandry.commands.template import check
from errandry.errors import InvalidArguments
from unit.commands.samples import command


def http(**fields: Any) -> HttpSpec:
    run = {"http": {"method": "POST", "url": "https://api.example.org/v1", **fields}}
    found = command(run=run, secrets=["TOKEN"]).run
    assert isinstance(found, HttpSpec)
    return found


def rendered(arguments: dict[str, Any] | None = None, **fields: Any) -> HttpRequest:
    return render_request(http(**fields), arguments or {}, {"TOKEN": "s3cret"})


@pytest.mark.parametrize(
    ("fields", "arguments", "url"),
    [
        ({"url": "http://a"}, {}, "http://a"),
        ({"url": "http://a/"}, {}, "http://a/"),
        ({"url": "http://a?x=1"}, {}, "http://a?x=1"),
        ({"url": "http://a//b"}, {}, "http://a//b"),
        (
            {"url": "http://a/{word}/{num}.json"},
            {"word": "ü/?#", "num": 2.5},
            "http://a/%C3%BC%2F%3F%23/2.5.json",
        ),
        ({"url": "http://a/{flag}"}, {"flag": True}, "http://a/true"),
        ({"url": "http://a/?x={word}"}, {"word": "&y=1"}, "http://a/?x=%26y%3D1"),
        ({"url": "http://a/?x={word}", "query": {"z": "1"}}, {"word": ""}, "http://a/?x=&z=1"),
        (
            {"url": "http://a/", "query": {"a b": "{items}"}},
            {"items": ["1", "2&"]},
            "http://a/?a%20b=1&a%20b=2%26",
        ),
        ({"url": "http://a/", "query": {"q": "{opt}", "r": "x{opt}"}}, {}, "http://a/"),
        (
            {"url": "http://a/", "query": {"q": "<{word}|{num}>"}},
            {"word": "w", "num": 1},
            "http://a/?q=%3Cw%7C1%3E",
        ),
        ({"url": "http://a/{{{word}}}"}, {"word": "w"}, "http://a/{w}"),
    ],
)
def test_values_are_encoded_in_the_url(
    fields: dict[str, Any], arguments: dict[str, Any], url: str
) -> None:
    assert rendered(arguments, **fields).url == url


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(max_size=20))
def test_a_value_never_leaves_its_segment_or_its_parameter(word: str, opt: str) -> None:
    try:
        url = rendered(
            {"word": word, "opt": opt}, url="http://a/x/{word}/y", query={"q": "{opt}"}
        ).url
    except InvalidArguments:
        assert word in (".", "..")
        return
    found = urlsplit(url)
    assert (found.scheme, found.netloc, found.fragment) == ("http", "a", "")
    assert [unquote(part) for part in found.path.split("/")] == ["", "x", word, "y"]
    assert parse_qsl(found.query, keep_blank_values=True) == [("q", opt)]


def test_headers_hold_values_and_secrets() -> None:
    fields = {"A": " {word} {num} ", "B": "Bearer {secret:TOKEN}", "C": "{opt}", "D": "x{opt}"}
    request = rendered({"word": "ä,\tb", "num": 1}, headers=fields)
    assert request.headers == {"A": "ä,\tb 1", "B": "Bearer s3cret"}
    assert "s3cret" not in repr(request)


def test_a_whole_placeholder_in_json_keeps_its_type() -> None:
    arguments = {"num": 1.5, "items": ["a"], "tree": {"k": [None]}, "flag": False, "word": "w"}
    names = ["num", "items", "tree", "flag", "word", "opt"]
    document = {"all": [f"{{{name}}}" for name in names], "gone": "{opt}", "half": "x{opt}"}
    more = {"text": "{{{word}}}-{num}", "secret": "{secret:TOKEN}", "{word}": None, "n": 7}
    request = rendered(arguments, json={**document, **more})
    assert request.content is not None
    assert json.loads(request.content) == {
        "all": [1.5, ["a"], {"k": [None]}, False, "w"],
        "text": "{w}-1.5",
        "secret": "s3cret",
        "{word}": None,
        "n": 7,
    }
    assert request.headers == {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("fields", "arguments", "content", "headers"),
    [
        ({}, {}, None, {}),
        ({"json": "{tree}"}, {}, None, {}),
        ({"json": "{tree}"}, {"tree": {}}, b"{}", {"Content-Type": "application/json"}),
        ({"json": False}, {}, b"false", {"Content-Type": "application/json"}),
        ({"body": "{word}"}, {}, None, {}),
        (
            {"body": "t={secret:TOKEN}&w={word}"},
            {"word": "ä"},
            "t=s3cret&w=ä".encode(),
            {"Content-Type": "text/plain; charset=utf-8"},
        ),
        (
            {"body": "x", "headers": {"content-type": "text/csv"}},
            {},
            b"x",
            {"content-type": "text/csv"},
        ),
    ],
)
def test_a_body_is_what_its_template_says(
    fields: dict[str, Any], arguments: dict[str, Any], content: bytes | None, headers: object
) -> None:
    request = rendered(arguments, **fields)
    assert (request.content, request.headers) == (content, headers)


@pytest.mark.parametrize(
    ("fields", "arguments", "path", "message"),
    [
        ({"url": "http://a/{word}"}, {}, "/arguments/word", 'the URL needs "word"'),
        ({"url": "http://a/{word}"}, {"word": ""}, "/arguments/word", '"" cannot be a part'),
        ({"url": "http://a/{word}/b"}, {"word": ".."}, "/arguments/word", '".." cannot be a part'),
        ({"url": "http://a/.{word}"}, {"word": "."}, "/arguments/word", '".." cannot be a part'),
        ({"url": "http://a/{any}"}, {"any": {}}, "/arguments/any", "only text, numbers and"),
        (
            {"url": "http://a/", "query": {"q": "{any}"}},
            {"any": ["a", []]},
            "/arguments/any/1",
            "only text, numbers and booleans can stand here",
        ),
        (
            {"headers": {"A": "{word}"}},
            {"word": "x\r\nB: y"},
            "/arguments/word",
            "the header A would hold a line break",
        ),
        (
            {"headers": {"A": "{word}"}},
            {"word": "x\x7f"},
            "/arguments/word",
            "the header A would hold a line break",
        ),
        ({"body": "{any}"}, {"any": [1]}, "/arguments/any", "only text, numbers and booleans"),
        ({"query": {"q": "{word}"}}, {"word": "x" * MAX_URL}, "/arguments", "the URL would have"),
    ],
)
def test_a_value_that_cannot_stand_there_is_refused(
    fields: dict[str, Any], arguments: dict[str, Any], path: str, message: str
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        rendered(arguments, **fields)
    fault = refused.value.faults[0]
    assert fault.path == path
    assert fault.message.startswith(message)


def test_a_secret_with_a_line_break_is_refused_without_showing_it() -> None:
    spec = http(headers={"A": "Bearer {secret:TOKEN}"})
    with pytest.raises(InvalidArguments) as refused:
        render_request(spec, {}, {"TOKEN": "line\nbreak"})
    assert "header A would hold a line break" in refused.value.message
    assert "break" not in refused.value.message.replace("line break", "")


def test_arguments_are_checked_before_there_are_secrets() -> None:
    run = {"http": {"method": "GET", "url": "http://a/{word}", "headers": {"A": "{secret:T}"}}}
    sample = command(run=run, secrets=["T"])
    check(sample, {"word": "fine"})
    with pytest.raises(InvalidArguments):
        check(sample, {"word": ".."})
