"""docs/cli.md names every verb, flag and exit status, and none that does not exist."""

import re
from pathlib import Path

import pytest

from errandry.cli.exits import Exit
from errandry.tasks.model import State
from support.verbs import flags, verbs

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
EVERYWHERE = {"-h", "--help", "--url", "--token", "--json"}


def sections() -> dict[str, str]:
    """The text of each verb, by its words."""
    parts = re.split(r"^### `errandry ([^`]+)`$|^## .*$", PAGE, flags=re.MULTILINE)
    words = [re.sub(r" (\[|[A-Z]).*", "", part or "") for part in parts[1::2]]
    return {verb: text for verb, text in zip(words, parts[2::2], strict=True) if verb}


def test_the_page_has_every_verb_and_no_other() -> None:
    assert set(sections()) == set(verbs())


@pytest.mark.parametrize("verb", [*verbs()])
def test_each_verb_is_shown_with_its_flags_and_an_example(verb: str) -> None:
    text = sections()[verb]
    rows = "".join(re.findall(r"^\| (`-.*?) \|", text, flags=re.MULTILINE))
    assert set(re.findall(r"--?[a-z][a-z-]*", rows)) == flags(verbs()[verb]) - EVERYWHERE
    assert re.search(rf"^\$ .*errandry {verb}\b", text, flags=re.MULTILINE)


def test_the_page_has_every_exit_status() -> None:
    assert [int(status) for status in re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)] == [
        *Exit
    ]


def test_the_page_has_every_state() -> None:
    assert all(f"`{state}`" in sections()["tasks list"] for state in State)
