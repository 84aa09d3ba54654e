import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errandry.commands.arguments import check_arguments
from errandry.commands.catalog import Catalog
from errandry.commands.model import ProcessSpec
from errandry.commands.schema import Schema
from errandry.commands.template import render
from errandry.commands.unsupported import unsupported

FOLDER = Path(__file__).parents[3] / "commands"
CATALOG = Catalog(FOLDER)
LIMIT_S = 60


@dataclass(frozen=True)
class Run:
    """What one run of a command left behind."""

    exit_code: int
    stdout: str
    stderr: str
    progress: list[Any]
    result: Any


def run(name: str, arguments: dict[str, Any], folder: Path) -> Run:
    """Run a shipped command as a worker would, without any of the worker's care."""
    command = CATALOG.get(name)
    assert isinstance(command.run, ProcessSpec)
    rendered = render(command.run, check_arguments(command.parameters, arguments))
    progress, result = folder / "progress", folder / "result"
    ended = subprocess.run(
        rendered.argv,
        env={
            "PATH": os.environ["PATH"],
            "ERRANDRY_TASK_ID": "tsk_" + "0" * 32,
            "ERRANDRY_ATTEMPT": "2",
            "ERRANDRY_COMMAND": name,
            "ERRANDRY_PROGRESS": str(progress),
            "ERRANDRY_RESULT": str(result),
            **rendered.env,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    lines = progress.read_text().splitlines() if progress.exists() else []
    document = json.loads(result.read_text()) if result.exists() else None
    if command.result is not None:
        assert Schema(command.result).faults(document, "") == []
    found = [json.loads(line) for line in lines]
    return Run(ended.returncode, ended.stdout, ended.stderr, found, document)


def test_all_shipped_commands_are_good_and_can_be_run() -> None:
    assert CATALOG.faults == ()
    commands = CATALOG.list()
    assert {command.name for command in commands} == {file.stem for file in FOLDER.iterdir()}
    assert [command.name for command in commands if unsupported(command)] == []


def test_few_enough_are_shipped_that_each_is_a_tool_of_its_own() -> None:
    assert 5 <= len(CATALOG.list()) <= 10


def test_every_shipped_command_says_what_a_caller_wants_to_know() -> None:
    for command in CATALOG.list():
        assert command.title
        assert command.tags
        assert len(command.description) > 80
        assert command.document["annotations"]
        for parameter in command.parameters["properties"].values():
            assert parameter["description"]


def test_disk_usage_measures_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "-x y"
    target.mkdir()
    ended = run("disk-usage", {"path": str(target)}, tmp_path)
    assert (ended.exit_code, ended.stdout.split("\t")[1]) == (0, f"{target}\n")


def test_word_count_counts_several_files(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_text("a b\n")
    second.write_text("c\n")
    ended = run("word-count", {"files": [str(first), str(second)]}, tmp_path)
    counts = [line.split() for line in ended.stdout.splitlines()]
    assert counts == [
        ["1", "2", "4", str(first)],
        ["1", "1", "2", str(second)],
        ["2", "3", "6", "total"],
    ]


def test_system_info_gives_a_document(tmp_path: Path) -> None:
    ended = run("system-info", {}, tmp_path)
    assert ended.exit_code == 0
    assert ended.result["system"] == os.uname().sysname
    assert ended.result["host"] == os.uname().nodename


def test_count_slowly_tells_its_progress(tmp_path: Path) -> None:
    ended = run("count-slowly", {"seconds": 1}, tmp_path)
    assert (ended.exit_code, ended.stdout) == (0, "1\n")
    assert ended.progress == [{"current": 1, "total": 1, "message": "counted to 1"}]


def test_long_job_takes_more_than_a_minute_unless_told_otherwise(tmp_path: Path) -> None:
    command = CATALOG.get("long-job")
    defaults = check_arguments(command.parameters, {})
    assert defaults["steps"] * defaults["pause_s"] > 60
    assert (command.on_crash, command.annotations.idempotent) == ("retry", True)
    ended = run("long-job", {"steps": 2, "pause_s": 0}, tmp_path)
    assert [progress["current"] for progress in ended.progress] == [1, 2]
    assert ended.result == {"steps": 2, "attempt": 2}


def test_always_fails_fails_with_the_code_and_the_message(tmp_path: Path) -> None:
    ended = run("always-fails", {"exit_code": 7, "message": "-n %s {x}"}, tmp_path)
    assert (ended.exit_code, ended.stderr) == (7, "error: -n %s {x}\n")


def test_needs_approval_prints_once_it_is_approved(tmp_path: Path) -> None:
    assert CATALOG.get("needs-approval").approval == "always"
    assert run("needs-approval", {"text": "-n"}, tmp_path).stdout == "-n\n"
