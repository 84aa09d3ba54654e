import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errandry.jsontext import JsonError, canonical, check_text, compact, loads

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abäß"), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (b' {"a": [1, 2.5, -0, true, null]} ', {"a": [1, 2.5, 0, True, None]}),
        ('"\\ud83d\\ude00"', "😀"),
        ('"ä"'.encode(), "ä"),
        ("5", 5),
        ('"\\u001f"', "\x1f"),
    ],
)
def test_json_is_read(text: bytes | str, value: Any) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "Expecting value"),
        ("{'a': 1}", 1, "property name"),
        ('{"a": 1,\n"b": }', 2, "Expecting value at line 2 column 6"),
        ("1 2", 1, "Extra data"),
        (b'"\xff"', None, "not UTF-8 at byte 1"),
        (b"\xef\xbb\xbf{}", 1, "BOM"),
        ('{"a": 1, "b": 2, "a": 3}', None, 'the key "a" stands twice'),
        ('[{"a": {"b": 1, "b": 1}}]', None, 'the key "b" stands twice'),
        ("NaN", None, "NaN is no JSON value"),
        ("[-Infinity]", None, "-Infinity is no JSON value"),
        ('"a\\u0000b"', None, "NUL"),
        ('{"\\u0000": 1}', None, "NUL"),
        ('"\\ud800"', None, "lone surrogate"),
        ('["\\udfff"]', None, "lone surrogate"),
        ("9" * 5000, None, "4300 digits"),
        ("[-1e999]", None, "the number -1e999 is too large"),
        ("[" * 100_000, None, "nested deeper than 64 levels"),
        ("[" * 66 + "]" * 66, None, "nested deeper than 64 levels"),
    ],
)
def test_what_two_programs_could_read_differently_is_refused(
    text: bytes | str, line: int | None, message: str
) -> None:
    with pytest.raises(JsonError) as refused:
        loads(text)
    assert message in str(refused.value)
    assert refused.value.line == line


def test_the_depth_is_counted_in_lists_and_objects() -> None:
    assert loads('[{"a": []}]', max_depth=3)
    for document in ([{"a": [1]}], [{"a": {"b": 1}}], {"a": [[1]]}):
        with pytest.raises(JsonError, match="nested deeper than 2 levels"):
            check_text(document, max_depth=2)


@settings(deadline=None)
@given(_JSON)
def test_equal_documents_have_one_canonical_text(document: Any) -> None:
    again = loads(json.dumps(document))
    assert canonical(again) == canonical(document)
    assert loads(canonical(document)) == document


def test_the_canonical_text_has_sorted_keys_and_no_spaces() -> None:
    document = {"b": [1, 2.0, "ä"], "a": {"d": None, "c": True}}
    assert canonical(document) == '{"a":{"c":true,"d":null},"b":[1,2.0,"ä"]}'
    assert compact(document) == '{"b":[1,2.0,"ä"],"a":{"d":null,"c":true}}'


@pytest.mark.parametrize("write", [canonical, compact])
def test_what_json_cannot_hold_is_not_written(write: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write({"a": float("nan")})
