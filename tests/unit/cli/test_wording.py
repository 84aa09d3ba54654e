"""Words for people."""

import pytest

from errandry import clock
from errandry.cli import wording


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 世界", "Grüße, 世界"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x1b[0m", "\\u001b[31mred\\u001b[0m"),
        ("\x9b31m", "\\u009b31m"),
        ("a\rb\x7f", "a\\u000db\\u007f"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("two\u2028lines", "two\\u2028lines"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\ue0041"),
    ],
)
def test_what_steers_a_terminal_or_hides_text_is_written_out(text: str, shown: str) -> None:
    assert wording.safe(text) == shown


def test_a_cell_is_one_safe_line() -> None:
    assert wording.line(" two\nlines\x1b ") == "two lines\\u001b"


@pytest.mark.parametrize(
    ("passed_s", "shown"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (86399, "23h"),
        (86400, "1d"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(passed_s: int, shown: str) -> None:
    moment = clock.after(clock.now(), -passed_s)
    assert wording.age(clock.rfc3339(moment), now=clock.after(moment, passed_s)) == shown


@pytest.mark.parametrize(
    ("current", "total", "message", "shown"),
    [
        (3, 10, "third", "3/10 third"),
        (0.5, None, None, "0.5"),
        (None, 10, "soon", "soon"),
        (None, None, None, ""),
    ],
)
def test_progress_is_told_as_far_as_it_is_known(
    current: float | None, total: float | None, message: str | None, shown: str
) -> None:
    assert wording.progress({"current": current, "total": total, "message": message}) == shown


def test_no_progress_is_nothing() -> None:
    assert wording.progress(None) == ""


def test_a_principal_of_another_issuer_is_named_with_it() -> None:
    assert wording.name({"iss": "errandry:local", "sub": "agent"}) == "agent"
    assert wording.name({"iss": "https://id.example", "sub": "ann"}) == "ann of https://id.example"
