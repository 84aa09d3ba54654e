"""Printing where nobody looks; test_screen.py has the terminal."""

import pytest

from errandry.cli import render


def test_json_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_json({"text": "ü\x9b\n", "list": [1, None]})
    assert capsys.readouterr().out == '{"text":"\\u00fc\\u009b\\n","list":[1,null]}\n'


def test_a_table_is_lines_with_tabs_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_table(("name", "what"), [("a", "one\ttwo\nthree"), ("b", "")])
    assert capsys.readouterr().out == "name\twhat\na\tone two three\nb\t\n"
