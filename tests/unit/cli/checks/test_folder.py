"""The check of the data folder."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from errandry.auth.keys import local_secret
from errandry.cli.checks import folder as subject
from errandry.cli.checks.finding import Ground
from support.findings import levels, look

MIB = 1024 * 1024


class Usage(NamedTuple):
    free: int


def test_a_good_folder_is_good(ground: Ground, folder: Path) -> None:
    local_secret(folder)
    assert levels(look(subject.check, ground)) == {
        "data folder": "ok",
        "space": "ok",
        "secret": "ok",
    }


def test_a_folder_that_is_not_there_is_no_fault_and_is_not_made(
    ground: Ground, folder: Path
) -> None:
    folder.rmdir()
    found = look(subject.check, ground)
    assert levels(found) == {"data folder": "ok"}
    assert "not there yet" in found["data folder"].says
    assert not folder.exists()


@pytest.mark.parametrize(
    ("mode", "level"), [(0o700, "ok"), (0o750, "warn"), (0o707, "warn"), (0o500, "fail")]
)
def test_the_mode_is_judged(ground: Ground, folder: Path, mode: int, level: str) -> None:
    folder.chmod(mode)
    found = look(subject.check, ground)["data folder"]
    folder.chmod(0o700)
    assert found.level == level
    assert level == "ok" or found.next_step == f"chmod 700 {folder}"


def test_somebody_elses_folder_fails(
    ground: Ground, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    found = look(subject.check, ground)["data folder"]
    assert (found.level, "belongs to user" in found.says) == ("fail", True)


def test_a_file_in_its_place_fails(ground: Ground, folder: Path) -> None:
    folder.rmdir()
    folder.touch()
    found = look(subject.check, ground)["data folder"]
    assert (found.level, found.says) == ("fail", f"{folder} is no folder")


@pytest.mark.parametrize(
    ("free", "level"), [(10_000 * MIB, "ok"), (500 * MIB, "warn"), (10 * MIB, "fail")]
)
def test_the_space_is_judged(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    found = look(subject.check, ground)["space"]
    assert (found.level, found.says.split()[0]) == (level, str(free // MIB))


def test_a_secret_that_others_may_read_fails(ground: Ground, folder: Path) -> None:
    local_secret(folder)
    (folder / "local.secret").chmod(0o644)
    found = look(subject.check, ground)["secret"]
    assert (found.level, "others may read the secret" in found.says) == ("fail", True)
