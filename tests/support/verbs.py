"""The verbs of the command line, as its parser knows them."""

import argparse
from collections.abc import Iterator

from errandry.cli import parser


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each verb, by its words: ``tasks list``."""
    return dict(_below(parser.build(), ""))


def flags(verb: argparse.ArgumentParser) -> set[str]:
    """Return the flags that the help of a verb shows."""
    return {
        flag
        for action in verb._actions
        if action.help != argparse.SUPPRESS
        for flag in action.option_strings
    }


def _below(
    verb: argparse.ArgumentParser, words: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [action for action in verb._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield words, verb
    for group in groups:
        for name, below in group.choices.items():
            yield from _below(below, f"{words} {name}".strip())
