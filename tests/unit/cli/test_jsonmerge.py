"""One entry in the text of a JSON file."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.cli import jsonmerge
from errandry.cli.clients import NAME

ENTRY = {"command": "/bin/errandry", "args": ["mcp"], "env": {"ERRANDRY_COMMANDS_DIR": "/größe"}}
SECTION = "mcpServers"

NAMES = st.text(string.ascii_letters + '"\\/ {}[],:ü', max_size=6).filter(lambda name: name != NAME)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES.filter(lambda name: name != SECTION), VALUES, max_size=4)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A configuration as somebody's editor left it."""
    document: dict[str, Any] = draw(OBJECTS)
    if draw(st.booleans()):
        document |= {SECTION: draw(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))}
        document = dict(draw(st.permutations(list(document.items()))))
    elif not document:
        document = {"theme": "dark"}
    indent = draw(st.sampled_from([None, 2, 4, "\t"]))
    text = json.dumps(document, indent=indent, ensure_ascii=draw(st.booleans()))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))) + draw(
        st.sampled_from(["", "\n"])
    )


@given(texts())
def test_an_entry_is_added_and_nothing_else_is_changed(text: str) -> None:
    before, after = json.loads(text), json.loads(jsonmerge.put(text, SECTION, ENTRY))
    assert after[SECTION].pop(NAME) == ENTRY
    assert {SECTION: {}, **before} == after
    assert list({**before, SECTION: None}) == list(after)


@given(texts())
def test_what_was_added_can_be_taken_out_to_the_last_character(text: str) -> None:
    assert jsonmerge.drop(jsonmerge.put(text, SECTION, ENTRY), SECTION) == text


@given(texts())
def test_adding_twice_is_adding_once(text: str) -> None:
    once = jsonmerge.put(text, SECTION, ENTRY)
    assert jsonmerge.put(once, SECTION, ENTRY) == once


@given(texts())
def test_an_entry_that_is_there_is_replaced_in_its_place(text: str) -> None:
    old = jsonmerge.put(text, SECTION, {"command": "old", "args": [], "env": {}})
    assert jsonmerge.put(old, SECTION, ENTRY) == jsonmerge.put(text, SECTION, ENTRY)


@pytest.mark.parametrize("text", ["", "  \n", "{}", "{ }\n", "{\n}\n"])
def test_an_empty_file_gets_a_document_and_is_empty_again_without_it(text: str) -> None:
    written = jsonmerge.put(text, SECTION, ENTRY)
    assert json.loads(written) == {SECTION: {NAME: ENTRY}}
    assert jsonmerge.drop(written, SECTION) == ""


def test_it_is_written_as_the_rest_is_written() -> None:
    text = '{\r\n\t"theme": "dark"\r\n}'
    assert jsonmerge.put(text, "servers", {"args": []}) == (
        '{\r\n\t"theme": "dark",\r\n\t"servers": {\r\n\t\t"errandry": {\r\n\t\t\t"args": []\r\n'
        "\t\t}\r\n\t}\r\n}"
    )
    assert (
        jsonmerge.put('{"a": 1}', "s", {"args": []}) == '{"a": 1,"s": {"errandry": {"args": []}}}'
    )


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ('{"mcpServers": {"errandry": {}, "b": 1}, "c": 2}', '{"mcpServers": {"b": 1}, "c": 2}'),
        ('{"mcpServers": {"a": 1, "errandry": {}, "b": 1}}', '{"mcpServers": {"a": 1, "b": 1}}'),
        ('{"mcpServers": {"a": 1, "errandry": {}}}', '{"mcpServers": {"a": 1}}'),
        ('{"mcpServers": {"errandry": {}}, "c": 2}', '{"c": 2}'),
        ('{"c": 2, "mcpServers": {"errandry": {}}}', '{"c": 2}'),
        ('{"mcpServers": {"errandry": {}}}', ""),
        ('{"mcpServers": {"errandry": {}},} // mine', "{} // mine"),
        (
            '{"mcpServers": {\n"a": 1, // one\n"errandry": {},\n}}',
            '{"mcpServers": {\n"a": 1 // one,\n}}',
        ),
    ],
)
def test_it_is_taken_out_wherever_it_stands(text: str, without: str) -> None:
    assert jsonmerge.drop(text, SECTION) == without


COMMENTED = """\
// of VS Code
{
  "servers": {
    /* "off": {}, */
    "a": {"url": "http://a//b", "note": "/* no comment, */"}, // first
  },
  "inputs": [1, 2,],
}
"""


def test_comments_and_trailing_commas_stay() -> None:
    written = jsonmerge.put(COMMENTED, "servers", ENTRY)
    before = jsonmerge.load(COMMENTED)
    assert before["servers"]["a"] == {"url": "http://a//b", "note": "/* no comment, */"}
    assert jsonmerge.load(written) == {
        "servers": {**before["servers"], NAME: ENTRY},
        "inputs": [1, 2],
    }
    assert jsonmerge.drop(written, "servers") == COMMENTED


def test_an_empty_object_with_a_comment_in_it_keeps_it() -> None:
    written = jsonmerge.put("{\n  // none yet\n}\n", "servers", ENTRY)
    assert "// none yet" in written
    assert jsonmerge.load(written) == {"servers": {NAME: ENTRY}}


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [('{"a": "// no"}', True), ('{"a": 1} // x', False), ("[1,]", False), ("{/**/}", False)],
)
def test_it_knows_json_without_comments(text: str, is_plain: bool) -> None:
    assert jsonmerge.is_plain(text) is is_plain


def test_of_two_members_with_one_name_the_later_counts() -> None:
    text = '{"mcpServers": {"a": 1}, "mcpServers": {"b": 2}}'
    assert json.loads(jsonmerge.put(text, SECTION, {})) == {SECTION: {"b": 2, NAME: {}}}


@pytest.mark.parametrize("text", ["{", '{"a": }', "{,,}", "nonsense"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        jsonmerge.load(text)
