"""Cursors come back as they went out, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.errors import InvalidField
from errandry.tasks import cursor


@given(st.text(), st.integers())
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
