"""The check of the command files."""

from pathlib import Path

import pytest

from errandry.cli.checks import commands
from errandry.cli.checks.finding import Ground
from errandry.cli.datalock import DataLock
from errandry.place import ServerFile
from support.findings import look

GOOD = '{"name": "hello", "description": "Says hello.", "run": {"process": {"argv": ["true"]}}}'


@pytest.fixture
def files(folder: Path) -> Path:
    path = folder / "commands"
    path.mkdir()
    return path


def test_a_folder_that_is_not_there_is_warned(ground: Ground, folder: Path) -> None:
    found = look(commands.check, ground)["commands"]
    assert (found.level, found.next_step) == ("warn", f"errandry init {folder / 'commands'}")


def test_good_files_are_counted(ground: Ground, files: Path) -> None:
    (files / "hello.json").write_text(GOOD)
    assert look(commands.check, ground)["commands"].says == f"1 in {files}"


def test_each_fault_fails_with_its_place(ground: Ground, files: Path) -> None:
    (files / "hello.json").write_text(GOOD)
    (files / "broken.json").write_text("{")
    (files / "other.yaml").write_text("name: wrong\n")
    found = list(commands.check(ground))
    assert {finding.level for finding in found} == {"fail"}
    says = "\n".join(finding.says for finding in found)
    assert f"{files / 'broken.json'}:1: " in says
    assert f"{files / 'other.yaml'}:" in says


def test_the_folder_of_a_server_that_runs_comes_first(
    ground: Ground, folder: Path, tmp_path: Path
) -> None:
    lock = DataLock(folder)
    ServerFile("http://127.0.0.1:1", "/nowhere", 1, "0", str(tmp_path / "served")).write(folder)
    found = look(commands.check, ground)["commands"]
    lock.close()
    assert found.says == f"there is no folder {tmp_path / 'served'}"
