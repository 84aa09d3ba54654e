"""The command line with a data folder of its own, and a server that the test plays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commandline import CommandLine
from support.fake_rest import FakeRest


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("ERRANDRY_DATA_DIR", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def server(data_dir: Path) -> Iterator[FakeRest]:
    fake = FakeRest(data_dir)
    yield fake
    fake.close()


@pytest.fixture
def cli(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)
