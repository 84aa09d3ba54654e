"""Text for people."""

import pytest

from errandry import clock
from errandry.cli import render


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
    assert render.safe(text) == shown


def test_a_cell_is_one_safe_line() -> None:
    assert render.line(" two\nlines\x1b ") == "two lines\\u001b"


def test_json_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_json({"text": "ü\x9b\n", "list": [1, None]})
    assert capsys.readouterr().out == '{"text":"\\u00fc\\u009b\\n","list":[1,null]}\n'


def test_a_table_is_lines_with_tabs_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_table(("name", "what"), [("a", "one\ttwo\nthree"), ("b", "")])
    assert capsys.readouterr().out == "name\twhat\na\tone two three\nb\t\n"


@pytest.mark.parametrize(
    ("passed_s", "shown"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86399, "23h"), (86400, "1d")],
)
def test_an_age_is_told_in_its_largest_unit(passed_s: int, shown: str) -> None:
    moment = clock.after(clock.now(), -passed_s)
    assert render.age(clock.rfc3339(moment), now=clock.after(moment, passed_s)) == shown


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
    assert render.progress({"current": current, "total": total, "message": message}) == shown


def test_no_progress_is_nothing() -> None:
    assert render.progress(None) == ""


def test_a_principal_of_another_issuer_is_named_with_it() -> None:
    assert render.name({"iss": "errandry:local", "sub": "agent"}) == "agent"
    assert render.name({"iss": "https://id.example", "sub": "ann"}) == "ann of https://id.example"
