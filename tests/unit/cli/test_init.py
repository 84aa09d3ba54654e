"""``errandry init``."""

from pathlib import Path

import pytest

from errandry.cli import init
from support.commandline import CommandLine


@pytest.fixture(autouse=True)
def starters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package as it is installed from a wheel."""
    folder = tmp_path / "site-packages" / "errandry" / "_commands"
    folder.mkdir(parents=True)
    for name in ("hello.yaml", "disk-usage.yaml", "README.md"):
        (folder / name).write_text(f"starter {name}\n")
    monkeypatch.setattr(init, "PACKAGE", folder.parent)
    return folder


def test_it_writes_the_starters_and_says_what_is_next(cli: CommandLine, tmp_path: Path) -> None:
    ran = cli("init")
    assert ran.exit == 0
    assert ran.out == "made commands/disk-usage.yaml\nmade commands/hello.yaml\n"
    assert (tmp_path / "commands" / "hello.yaml").read_text() == "starter hello.yaml\n"
    assert "errandry serve" in ran.err


def test_what_is_there_stays_as_it_is(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    mine = tmp_path / "mine" / "hello.yaml"
    mine.write_text("my own\n")
    ran = cli("init", "mine")
    assert ran.out == "made mine/disk-usage.yaml\nkept mine/hello.yaml, which is there already\n"
    assert mine.read_text() == "my own\n"


def test_in_a_development_install_they_come_from_the_checkout(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkout" / "commands").mkdir(parents=True)
    (tmp_path / "checkout" / "commands" / "mine.json").write_text("{}")
    monkeypatch.setattr(init, "PACKAGE", tmp_path / "checkout" / "src" / "errandry")
    assert cli("init", "here").out == "made here/mine.json\n"


def test_a_folder_that_cannot_be_made_ends_with_2(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = cli("init", "file/commands")
    assert (ran.exit, ran.out) == (2, "")
    assert ran.err == "errandry: Cannot write to file/commands: Not a directory\n"
