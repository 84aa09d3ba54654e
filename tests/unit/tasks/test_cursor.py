"""Cursors come back as they went out, and nothing else is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.errors import InvalidField
from errandry.tasks import cursor


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.integers(0, 2**63 - 1),
)
def test_a_cursor_comes_back_as_it_went_out(text: str, number: int) -> None:
    packed = cursor.encode(text, number)
    assert packed.isascii()
    assert cursor.decode(packed, str, int) == [text, number]


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    try:
        found = cursor.decode(text, str, str, str)
    except InvalidField as error:
        assert error.faults[0].path == "?cursor"
    else:
        assert all(isinstance(part, str) for part in found)


@pytest.mark.parametrize("kinds", [(str,), (int, str), (str, int, int)])
def test_a_cursor_of_another_list_is_refused(kinds: tuple[type[str] | type[int], ...]) -> None:
    with pytest.raises(InvalidField):
        cursor.decode(cursor.encode("a", 1), *kinds)


@pytest.mark.parametrize("number", [-1, 2**63, 10**4000])
def test_a_number_that_no_database_holds_is_refused(number: int) -> None:
    with pytest.raises(InvalidField):
        cursor.decode(cursor.encode(number), int)


@pytest.mark.parametrize("text", ['["\\ud800"]', '["\\u0000"]', "[" * 100_000, "[NaN]", "5"])
def test_what_no_cursor_of_ours_contains_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        cursor.decode(base64.urlsafe_b64encode(text.encode()).decode(), str)
