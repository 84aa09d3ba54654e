"""The program that calls a function, in this process."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from errandry.execution import callables
from errandry.execution.progress import read_progress
from errandry.tasks.model import Progress
from support.callables import install


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(install(tmp_path))
    for name in ("TASK_ID", "PROGRESS", "RESULT"):
        monkeypatch.setenv(f"ERRANDRY_{name}", str(tmp_path / name))
    monkeypatch.setenv("ERRANDRY_ATTEMPT", "3")
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, name: str, arguments: dict[str, Any]) -> None:
    monkeypatch.setattr(sys, "argv", ["callables", name])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(arguments)))
    callables.main()


def test_a_function_gets_its_arguments_and_gives_its_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "add", {"a": 2, "b": 3})
    assert json.loads((folder / "RESULT").read_text())["sum"] == 5
    assert capsys.readouterr().out == f"attempt 3 of {folder / 'TASK_ID'}\nprinted\n"
    [line] = (folder / "PROGRESS").read_bytes().splitlines()
    assert read_progress(line) == Progress(1, 2, "half way")


def test_a_coroutine_function_is_run_to_its_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "wait", {})
    assert (folder / "RESULT").read_text() == "null"


@pytest.mark.parametrize(("name", "error"), [("boom", ValueError), ("nonsense", TypeError)])
def test_a_failure_leaves_no_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(monkeypatch, name, {})
    assert not (folder / "RESULT").exists()
