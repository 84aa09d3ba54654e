from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errandry.commands import yamltext, yamlwriter
from errandry.jsontext import canonical

_WORDS = st.sampled_from(
    [
        *("no", "010", "1e5", "0x1F", "0o17", "1:30", "2026-11-24", "~", "null", "true", "<<", "="),
        *("- a", "a: b", "#x", " lead", "trail ", "a\n", "\na", "a\n\n b\n", "\t", "a\tb\n", "{x}"),
        *("*a", "&a", "!a", "%a", "@a", "`a", "...", "---", "a\r\nb", "\u2028", "\x85", "\ufeff"),
        *("😀\n", "a \nb", " a\nb", "1_000", ".inf", ".5", "+5", "-", ":", "?", "1e999"),
    ]
)
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | _WORDS
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(_JSON)
def test_what_is_written_reads_back_the_same(document: Any) -> None:
    text = yamlwriter.dump(document)
    assert canonical(yamltext.read(text.encode()).value) == canonical(document), text


@pytest.mark.parametrize("number", [5e-324, 1e22, -0.0, 1.0, 0.1, 1.7976931348623157e308])
def test_numbers_keep_their_kind(number: float) -> None:
    assert canonical(yamltext.read(yamlwriter.dump(number).encode()).value) == canonical(number)


def test_the_text_is_one_that_a_person_would_write() -> None:
    document = {
        "name": "hello",
        "run": {"process": {"argv": ["sh", "-c", "echo one\necho two\n", "no"]}},
        "timeout_s": 60,
    }
    assert yamlwriter.dump(document) == (
        "name: hello\n"
        "run:\n"
        "  process:\n"
        "    argv:\n"
        "    - sh\n"
        "    - -c\n"
        "    - |\n"
        "      echo one\n"
        "      echo two\n"
        "    - 'no'\n"
        "timeout_s: 60\n"
    )


def test_an_object_that_is_there_twice_is_written_twice() -> None:
    part = {"type": "string"}
    assert yamlwriter.dump({"a": part, "b": part}) == "a:\n  type: string\nb:\n  type: string\n"
