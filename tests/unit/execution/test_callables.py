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


def run(
    monkeypatch: pytest.MonkeyPatch, name: str, arguments: dict[str, Any], *answers: dict[str, Any]
) -> None:
    sent = {"arguments": arguments, "answers": answers}
    monkeypatch.setattr(sys, "argv", ["callables", name])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(sent)))
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


def asked(folder: Path) -> list[dict[str, Any]]:
    """What a function asks; it then has no result."""
    assert not (folder / "RESULT").exists()
    questions: list[dict[str, Any]] = json.loads((folder / "questions").read_text())
    (folder / "questions").unlink()
    return questions


def test_a_function_that_asks_is_called_again_and_gets_its_answers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[dict[str, Any]] = []
    for expected in (["Really?"], ["How?", "Where?"], ["Done?"]):
        run(monkeypatch, "careful", {}, *answers)
        found = asked(folder)
        assert [question["message"] for question in found] == expected
        answers += [
            {"digest": each["digest"], "content": {"sure": each["message"] != "How?"}}
            for each in found
        ]
    run(monkeypatch, "careful", {}, *answers)
    result = json.loads((folder / "RESULT").read_text())
    assert result == [{"sure": False}, {"sure": True}, {"sure": True}]
    assert not (folder / "questions").exists()


@pytest.mark.parametrize("name", ["in_time", "stubborn"])
def test_a_question_ends_the_call_whatever_the_function_catches(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run(monkeypatch, name, {})
    [question] = asked(folder)
    assert question["message"] == "Really?"
    assert question["schema"]["required"] == ["sure"]


def test_without_a_schema_a_person_only_agrees(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "fickle", {})
    [question] = asked(folder)
    assert question["schema"] == {"type": "object", "properties": {}}


def test_another_question_in_the_place_of_an_answered_one_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "fickle", {})
    [question] = asked(folder)
    monkeypatch.setenv("ERRANDRY_ATTEMPT", "4")
    with pytest.raises(callables.OtherQuestion, match="in the place of 'Attempt 4\\?'"):
        run(monkeypatch, "fickle", {}, {"digest": question["digest"], "content": {}})
