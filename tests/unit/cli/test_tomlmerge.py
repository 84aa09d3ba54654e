"""One table in the text of a TOML file."""

import tomllib
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.cli import tomlmerge
from errandry.cli.clients import NAME

SECTION = "mcp_servers"
ENTRY = {
    "command": '/opt/a "b" \\ größe\x7f/errandry',
    "args": ["mcp"],
    "env": {"ERRANDRY_COMMANDS_DIR": "/commands", "odd key": "1"},
}
OURS = '[mcp_servers.errandry]\ncommand = "old"\nargs = ["mcp"]\n'
PARTS = (
    "# my settings\n",
    'model = "o5"\nnotify = ["a", "b"]\n',
    "\n[mcp_servers.other]\ncommand = 'x' # with a remark\n",
    "\n# about the other\n[mcp_servers.errandry-two]\ncommand = 'y'\n",
    "\n[[profiles]]\nname = 'p'\n",
    '\n[tui]\ntheme = """\nlong\n"""\n',
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A configuration, some of it, with either line end, perhaps without the last one."""
    parts = [part for part in PARTS if draw(st.booleans())]
    text = "".join(parts).replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    return text.rstrip("\r\n") if draw(st.booleans()) else text


@given(texts())
def test_a_table_is_added_and_the_rest_stays_byte_for_byte(text: str) -> None:
    written = tomlmerge.put(text, SECTION, ENTRY)
    assert written.startswith(text)
    document = tomllib.loads(written)
    assert document[SECTION].pop(NAME) == ENTRY
    assert document == {SECTION: {}, **tomllib.loads(text)}


@given(texts())
def test_what_was_added_can_be_taken_out_to_the_last_byte(text: str) -> None:
    assert tomlmerge.drop(tomlmerge.put(text, SECTION, ENTRY), SECTION) == text


@given(texts())
def test_adding_twice_is_adding_once(text: str) -> None:
    once = tomlmerge.put(text, SECTION, ENTRY)
    assert tomlmerge.put(once, SECTION, ENTRY) == once


@pytest.mark.parametrize(
    "table",
    [
        OURS,
        OURS + "[mcp_servers.errandry.env]\nA = '1'\n",
        OURS.replace("errandry", '"errandry"'),
        OURS.replace(".errandry", " . 'errandry' "),
        OURS.replace("\nargs", "\n\n# which\nargs"),
    ],
)
def test_a_table_is_replaced_in_its_place(table: str) -> None:
    before, after = "a = 1\n\n", "\n# about b\n[b]\nc = 2\n"
    written = tomlmerge.put(before + table + after, SECTION, ENTRY)
    assert written.startswith(before + "[mcp_servers.errandry]\n")
    assert written.endswith(after)
    assert tomllib.loads(written) == {"a": 1, SECTION: {NAME: ENTRY}, "b": {"c": 2}}


def test_parts_of_it_that_stand_elsewhere_are_found() -> None:
    text = OURS + "\n[b]\nc = 2\n\n[mcp_servers.errandry.env]\nA = '1'\n\n# the end\n"
    written = tomlmerge.put(text, SECTION, ENTRY)
    assert tomllib.loads(written) == {SECTION: {NAME: ENTRY}, "b": {"c": 2}}
    assert tomlmerge.drop(text, SECTION) == "\n[b]\nc = 2\n\n# the end\n"


def test_between_two_others_it_is_taken_out_with_one_empty_line() -> None:
    assert tomlmerge.drop(f"[a]\n\n{OURS}\n[b]\n", SECTION) == "[a]\n\n[b]\n"
    assert tomlmerge.drop(f"[a]\n{OURS}[b]\n", SECTION) == "[a]\n[b]\n"


@pytest.mark.parametrize(
    "value",
    [True, False, 3, -1.5, 1e300, float("inf"), "", "a\tb\nc", [], [1, [2]], {}, {"a": {"b": "c"}}],
)
def test_any_value_that_stood_there_can_be_written_again(value: Any) -> None:
    entry = {"kept": value, "day": date(2026, 11, 24)}
    assert tomllib.loads(tomlmerge.put("", SECTION, entry)) == {SECTION: {NAME: entry}}


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        tomlmerge.load("a = \n")
