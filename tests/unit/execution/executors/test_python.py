from pathlib import Path

import pytest

from errandry.commands.definition import parse
from errandry.execution.capture import Capture
from errandry.execution.executors.port import Context
from errandry.execution.executors.python import python_job
from errandry.execution.scratch import Scratch


async def test_another_kind_of_command_is_a_fault_of_ours(tmp_path: Path) -> None:
    run = {"process": {"argv": ["true"]}}
    context = Context(
        task_id="tsk_1",
        attempt=1,
        command=parse({"name": "x", "description": "x", "run": run}),
        arguments={},
        folder=tmp_path,
        lease_until=0,
        grace_s=1,
        capture=Capture(1_000_000, lambda _: None),
        on_progress=lambda _: None,
        on_start=lambda: None,
    )
    with pytest.raises(TypeError, match="is no function"):
        await python_job(context, Scratch(tmp_path, "tsk_1", 1))
