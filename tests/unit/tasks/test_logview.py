"""A page of a log: within its budget, folded, clean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.tasks.logview import Page, clean, split_lines


def page(max_bytes: int = 10_000, *, fold: bool = True) -> Page:
    return Page(max_bytes, fold=fold, ansi="strip")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07after", "after"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1bPdevice\x1b\\after", "after"),
        (b"a\x1b(Bb", "ab"),
        (b"bell\x07 nul\x00 back\x08", "bell nul back"),
        (b"tab\tstays", "tab\tstays"),
        (b"windows\r", "windows"),
        (b"10%\r20%\r30%", "30%"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        (b"\x1b[", ""),
    ],
)
def test_text_is_clean(raw: bytes, text: str) -> None:
    assert clean(raw, "strip").removesuffix("[") == text


def test_escapes_can_be_kept() -> None:
    assert clean(b"\x1b[31mred", "keep") == "\x1b[31mred"


@pytest.mark.parametrize(
    ("data", "lines"),
    [(b"a\nb\n", [b"a", b"b"]), (b"a\nb", [b"a", b"b"]), (b"\n\n", [b"", b""]), (b"x", [b"x"])],
)
def test_a_chunk_is_its_lines(data: bytes, lines: list[bytes]) -> None:
    assert split_lines(data) == lines


def test_lines_are_added_at_either_end() -> None:
    shown = page()
    assert shown.append(5, b"five")
    assert shown.append(6, b"six")
    assert shown.prepend(4, b"four")
    assert shown.text() == "four\nfive\nsix\n"
    assert (shown.first, shown.last, shown.lines, shown.raw_bytes) == (4, 6, 3, 14)


def test_equal_neighbours_are_folded_and_counted() -> None:
    shown = page()
    for number, line in enumerate([b"a", b"b", b"b", b"b", b"c"]):
        assert shown.append(number, line)
    assert shown.text() == "a\nb\n[the line above 2 times more]\nc\n"
    assert (shown.folded_lines, shown.lines) == (2, 5)


def test_folding_can_be_switched_off() -> None:
    shown = page(fold=False)
    assert shown.append(0, b"b")
    assert shown.append(1, b"b")
    assert (shown.text(), shown.folded_lines) == ("b\nb\n", 0)


def test_a_gap_is_marked_where_something_stands_before_it() -> None:
    shown = page()
    assert shown.separate()
    assert shown.append(0, b"a")
    assert shown.separate()
    assert shown.append(9, b"b")
    assert shown.text() == "a\n--\nb\n"
    tight = page(2)
    assert tight.append(0, b"a")
    assert not tight.separate()


def test_one_line_over_the_budget_is_cut_on_the_side_that_matters_less() -> None:
    head, tail = page(6), page(6)
    assert head.append(0, b"abcdefghij")
    assert tail.prepend(0, b"abcdefghij")
    assert (head.text(), tail.text()) == ("abcde\n", "fghij\n")
    umlauts = page(6)
    assert umlauts.append(0, "äöü".encode())
    assert umlauts.text() == "äö\n"


LINES = st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")), max_size=30)


@given(LINES, st.integers(16, 400), st.booleans(), st.booleans())
def test_a_page_never_exceeds_its_budget_and_shows_something(
    lines: list[bytes], budget: int, fold: bool, backwards: bool
) -> None:
    shown = page(budget, fold=fold)
    for number, line in enumerate(lines):
        if not (shown.prepend(-number, line) if backwards else shown.append(number, line)):
            break
    assert len(shown.text().encode()) <= budget
    assert bool(shown.lines) == bool(lines)
