"""The code for kernels that lack something."""

import os
import subprocess

import pytest

from errandry.execution.spawner import unix


def test_children_are_found_without_the_children_files(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["/bin/sleep", "1000"]) as child:
        assert child.pid in unix.children(os.getpid())
        monkeypatch.setattr(unix, "_CHILDREN_FILES", False)
        assert child.pid in unix.children(os.getpid())
        assert child.pid in list(unix.descendants(os.getpid()))
        child.kill()


def test_a_process_that_has_ended_has_no_children() -> None:
    with subprocess.Popen(["/bin/true"]) as ended:
        ended.wait()
        assert unix.children(ended.pid) == []
