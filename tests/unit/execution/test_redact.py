"""No chunking shows a secret."""

import base64
import itertools
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.execution.redact import Redaction

SECRET = 'p@ss/w"rd-ä12345678'
SECRETS = (SECRET, "abcab", "bcabxy", "cabca", "xyxyxyxy", "0000")
WRITTEN = [
    SECRET,
    json.dumps(SECRET),
    json.dumps(SECRET, ensure_ascii=False),
    quote(SECRET),
    quote(SECRET, safe=""),
    quote_plus(SECRET),
    *(base64.b64encode(b"x" * n + SECRET.encode() + b"\n").decode() for n in range(4)),
    *(base64.urlsafe_b64encode(b"x" * n + SECRET.encode()).decode() for n in range(4)),
]


def covered(text: bytes, forms: list[bytes]) -> bytes:
    """The plain way: mark every byte of every occurrence, and write a mark for each run of them."""
    spans = sorted(
        (at, at + len(form))
        for form in forms
        for at in range(len(text))
        if text.startswith(form, at)
    )
    out, at, run_end = b"", 0, 0
    for first, last in spans:
        if first >= run_end:
            out += text[at:first] + b"***"
        at = run_end = max(run_end, last)
    return out + text[at:]


def cut(text: bytes, points: list[int]) -> list[bytes]:
    bounds = [0, *sorted(point % (len(text) + 1) for point in points), len(text)]
    return [text[first:last] for first, last in itertools.pairwise(bounds)]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_value_is_hidden_in_every_form_and_every_size_of_chunk(written: str) -> None:
    whole = f"start {written} mid {written}{written} end\n".encode()
    expected = Redaction([SECRET]).text(whole.decode()).encode()
    assert SECRET not in expected.decode()
    assert expected.startswith(b"start ")
    assert expected.endswith(b" end\n")
    assert expected.count(b"***") == 3
    for size in range(1, len(whole) + 1):
        redactor = Redaction([SECRET]).stream()
        pieces = [redactor.feed(whole[at : at + size]) for at in range(0, len(whole), size)]
        assert b"".join([*pieces, redactor.close()]) == expected


TEXTS = st.lists(
    st.one_of(st.sampled_from([*SECRETS, *(s[:-1] for s in SECRETS)]), st.text("abcxy0 \n")),
    max_size=12,
).map(lambda parts: "".join(parts).encode())


@given(TEXTS, st.lists(st.integers(min_value=0, max_value=500), max_size=20))
def test_however_a_stream_is_cut_the_same_comes_out_and_no_value(
    text: bytes, points: list[int]
) -> None:
    redaction = Redaction(SECRETS)
    redactor = redaction.stream()
    shown = b"".join([*(redactor.feed(piece) for piece in cut(text, points)), redactor.close()])
    assert shown == covered(text, list(redaction._forms))
    for secret in SECRETS:
        assert secret.encode() not in shown


@given(st.binary(max_size=300), st.lists(st.integers(min_value=0, max_value=500), max_size=20))
def test_nothing_else_is_changed(data: bytes, points: list[int]) -> None:
    redactor = Redaction(["a value that chance does not write"]).stream()
    pieces = [redactor.feed(piece) for piece in cut(data, points)]
    assert b"".join([*pieces, redactor.close()]) == data


def test_only_what_may_begin_a_value_is_held_back() -> None:
    redactor = Redaction(["secret-1"]).stream()
    assert redactor.feed(b"a line\n") == b"a line\n"
    assert redactor.feed(b"a sec") == b"a "
    assert redactor.feed(b"ond") == b"second"
    assert redactor.feed(b"secret-1") == b"***"
    assert redactor.close() == b""


def test_without_secrets_nothing_is_held_back() -> None:
    redaction = Redaction()
    assert not redaction
    assert redaction.stream().feed(b"x") == b"x"
    assert redaction.text("x") == "x"
    assert redaction.document({"a": 1}) == {"a": 1}


def test_space_around_a_value_does_not_save_it() -> None:
    assert Redaction([" \tvalue\n"]).text("<value>") == "<***>"


def test_a_document_is_redacted_in_texts_keys_and_numbers() -> None:
    document = {"a": ["x 1234 y", 1234, 5, None, True, 1.5], "k-1234": {"b": "fine"}}
    assert Redaction(["1234"]).document(document) == {
        "a": ["x *** y", "***", 5, None, True, 1.5],
        "k-***": {"b": "fine"},
    }


def test_a_lone_surrogate_is_no_trouble() -> None:
    assert Redaction(["1234"]).text("\ud800 1234") == "\ud800 ***"
