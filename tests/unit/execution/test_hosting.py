"""The program that runs an executor of another package, in this process."""

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from errandry.execution import hosting
from errandry.execution.progress import read_progress
from errandry.tasks.model import Progress
from support.executors_of_others import GOOD, SOURCE
from support.packages import write

SELF_CANCELLED = """
import asyncio, os, signal
from errandry.plugin import Executor
class Cancelled(Executor):
    async def run(self, attempt):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(1000)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(write(tmp_path / "a", "others", SOURCE, GOOD))
    monkeypatch.syspath_prepend(
        write(tmp_path / "b", "cancelled", SELF_CANCELLED, {"cancelled": "Cancelled"})
    )
    for name in ("TASK_ID", "PROGRESS", "RESULT", "COMMAND"):
        monkeypatch.setenv(f"ERRANDRY_{name}", str(tmp_path / name))
    monkeypatch.setenv("ERRANDRY_ATTEMPT", "3")
    monkeypatch.setenv("TOKEN", "s3cret")
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, executor: str, **fields: Any) -> int:
    """Carry out an attempt; return the exit status."""
    work = {
        "executor": executor,
        "fields": fields,
        "arguments": {"a": 1},
        "secrets": ["TOKEN"],
        "timeout_s": 60,
    }
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(work)))
    with pytest.raises(SystemExit) as ended:
        hosting.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_an_executor_gets_its_work_and_gives_its_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "echo", x=[1]) == 0
    result = json.loads((folder / "RESULT").read_text())
    assert result == {
        "fields": {"x": [1]},
        "arguments": {"a": 1},
        "timeout_s": 60,
        "pid": os.getpid(),
    }
    assert capsys.readouterr().out == f"attempt 3 of {folder / 'COMMAND'}\nprinted\n"
    [line] = (folder / "PROGRESS").read_bytes().splitlines()
    assert read_progress(line) == Progress(1, 2, "half way")


def test_secrets_come_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "spill") == 0
    assert json.loads((folder / "RESULT").read_text()) == ["s3cret"]


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("failed", "exit_code", "it went wrong"),
        ("lost", "attempt_lost", "the line broke"),
        ("missing", "not_startable", "there is no robot"),
    ],
)
def test_how_it_failed_is_left_for_the_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch, how: str, code: str, message: str
) -> None:
    assert run(monkeypatch, "failing", how=how) == 1
    left = json.loads((folder / "RESULT").read_text())
    assert left == {"code": code, "message": message}


def test_a_bug_leaves_nothing_but_its_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="a bug"):
        run(monkeypatch, "failing", how="bug")
    assert not (folder / "RESULT").exists()


def test_sigterm_cancels_a_coroutine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "cancelled") == 128 + signal.SIGTERM
    assert not (folder / "RESULT").exists()
