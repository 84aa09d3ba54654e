"""What is started for an executor of another package, and what the end of that means."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from errandry.commands.executors import Executors
from errandry.execution.capture import Capture
from errandry.execution.executors.hosted import hosted_ending, hosted_job
from errandry.execution.executors.port import Context
from errandry.execution.redact import Redaction
from errandry.execution.scratch import Scratch
from errandry.execution.spawner import CannotStart, Ended
from unit.commands.samples import command

SECRETS = {"TOKEN": "s3cret"}


def _context(folder: Path, run: Mapping[str, Any]) -> Context:
    redaction = Redaction(SECRETS.values())
    return Context(
        task_id="tsk_1",
        attempt=2,
        command=command(run=run),
        arguments={"word": "w"},
        folder=folder,
        lease_until=time.monotonic() + 60,
        grace_s=1,
        capture=Capture(1000, lambda _: None, redaction),
        on_progress=lambda _: None,
        on_start=lambda: None,
        secrets=SECRETS,
        redaction=redaction,
    )


def _ended(exit_code: int) -> Ended:
    return Ended(exit_code, None, "exited", 0.5, 1000, output_cut=False)


async def test_only_what_is_for_another_package_is_taken(tmp_path: Path) -> None:
    context = _context(tmp_path, {"process": {"argv": ["true"]}})
    with pytest.raises(TypeError, match="needs no other package"):
        await hosted_job(Executors([]))(context, Scratch(tmp_path, "tsk_1", 2))


async def test_without_its_package_nothing_is_started(tmp_path: Path) -> None:
    context = _context(tmp_path, {"robot": {}})
    with pytest.raises(CannotStart, match='no installed package brings the executor "robot"'):
        await hosted_job(Executors([]))(context, Scratch(tmp_path, "tsk_1", 2))


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("exit_code", "failed"), ("not_startable", "failed"), ("attempt_lost", "lost")],
)
def test_the_end_is_what_the_executor_said(tmp_path: Path, code: str, outcome: str) -> None:
    context, scratch = _context(tmp_path, {"robot": {}}), Scratch(tmp_path, "tsk_1", 2)
    message = "x" * 998 + SECRETS["TOKEN"]
    scratch.result.write_text(json.dumps({"code": code, "message": message}))
    ending = hosted_ending(context, _ended(1), scratch)
    assert ending.error is not None
    assert (ending.outcome, ending.error.code, ending.exit_code) == (outcome, code, 1)
    assert ending.error.message == "x" * 998 + "**"


@pytest.mark.parametrize(
    "left", ['{"code": "other", "message": "m"}', '{"code": "exit_code"}', "[]", "1", "{", ""]
)
def test_what_cannot_be_read_counts_for_nothing(tmp_path: Path, left: str) -> None:
    context, scratch = _context(tmp_path, {"robot": {}}), Scratch(tmp_path, "tsk_1", 2)
    scratch.result.write_text(left)
    ending = hosted_ending(context, _ended(1), scratch)
    assert ending.error is not None
    assert ending.error.message == "The program ended with exit code 1"


def test_a_good_end_gives_the_result_whatever_it_looks_like(tmp_path: Path) -> None:
    context, scratch = _context(tmp_path, {"robot": {}}), Scratch(tmp_path, "tsk_1", 2)
    result = {"code": "exit_code", "message": "m"}
    scratch.result.write_text(json.dumps(result))
    ending = hosted_ending(context, _ended(0), scratch)
    assert (ending.outcome, ending.result) == ("succeeded", result)
