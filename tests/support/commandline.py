"""Runs the command line in this process."""

from typing import NamedTuple

import pytest

from errandry.cli.main import main


class Ran(NamedTuple):
    """How a verb ended, and what it printed."""

    exit: int
    out: str
    err: str


class CommandLine:
    """Called with words, runs a verb to its end."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Ran:
        end = main(words)
        printed = self._capsys.readouterr()
        return Ran(end, printed.out, printed.err)
