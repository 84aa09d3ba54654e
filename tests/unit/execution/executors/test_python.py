from pathlib import Path
from typing import Any

import pytest

from errandry.commands.definition import parse
from errandry.execution.capture import Capture
from errandry.execution.executors.port import Context
from errandry.execution.executors.python import python_ending, python_job
from errandry.execution.scratch import Scratch
from errandry.execution.spawner import Ended


def context_of(folder: Path, run: dict[str, Any]) -> Context:
    return Context(
        task_id="tsk_1",
        attempt=1,
        command=parse({"name": "x", "description": "x", "run": run}),
        arguments={},
        folder=folder,
        lease_until=0,
        grace_s=1,
        capture=Capture(1_000_000, lambda _: None),
        on_progress=lambda _: None,
        on_start=lambda: None,
    )


async def test_another_kind_of_command_is_a_fault_of_ours(tmp_path: Path) -> None:
    context = context_of(tmp_path, {"process": {"argv": ["true"]}})
    with pytest.raises(TypeError, match="is no function"):
        await python_job(context, Scratch(tmp_path, "tsk_1", 1))


@pytest.mark.parametrize("left", ["", "[", "[]"])
def test_questions_that_cannot_be_read_fail_the_attempt(tmp_path: Path, left: str) -> None:
    context, scratch = context_of(tmp_path, {"python": {"call": "f"}}), Scratch(tmp_path, "t", 1)
    scratch.questions.write_text(left)
    ended = Ended(0, None, "exited", 0.5, 1, output_cut=False)
    ending = python_ending(context, ended, scratch)
    assert (ending.outcome, ending.exit_code, ending.cpu_s) == ("failed", 0, 0.5)
    assert ending.error is not None
    assert ending.error.code == "result_invalid"


def test_a_function_that_asks_and_breaks_has_failed(tmp_path: Path) -> None:
    context, scratch = context_of(tmp_path, {"python": {"call": "f"}}), Scratch(tmp_path, "t", 1)
    scratch.questions.write_text("[]")
    ended = Ended(1, None, "exited", 0.5, 1, output_cut=False)
    error = python_ending(context, ended, scratch).error
    assert error is not None
    assert error.code == "exit_code"
