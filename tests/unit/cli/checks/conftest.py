"""A place to look at, and what a check finds there."""

from pathlib import Path

import pytest

from errandry.cli.checks.finding import Ground
from errandry.settings import Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder, made as a server makes it."""
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("ERRANDRY_DATA_DIR", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def ground(folder: Path) -> Ground:
    return Ground(Settings(data_dir=folder, commands_dir=folder / "commands"))
