"""The check of the spawner."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from errandry.cli.checks import programs
from errandry.cli.checks.finding import Ground
from errandry.execution.spawner import unix
from support.findings import levels, look


def test_a_program_is_started_here(ground: Ground) -> None:
    found = look(programs.check, ground)
    assert found["programs"].level == "ok"
    assert found["programs"].says.endswith("was started and ended")


@pytest.mark.parametrize(("has", "level"), [(True, "ok"), (False, "warn")])
def test_what_the_kernel_lacks_is_told(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, has: bool, level: str
) -> None:
    monkeypatch.setattr(unix, "LINUX", has)
    monkeypatch.setattr(unix, "can_fence", lambda: has)
    found = levels(look(programs.check, ground))
    assert (found["sub-reaper"], found["landlock"]) == (level, level)


def program(folder: Path, content: str) -> str:
    path = folder / "true"
    path.write_text(content)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("find", "says"),
    [
        (lambda _: None, "there is no program `true` on PATH"),
        (lambda folder: program(folder, "#!/no/interpreter\n"), "does not start"),
        (lambda folder: program(folder, "#!/bin/sh\nexit 3\n"), "exit_code=3"),
    ],
)
def test_a_program_that_does_not_run_fails(
    ground: Ground,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    find: Callable[[Path], str | None],
    says: str,
) -> None:
    found_program = find(folder)
    monkeypatch.setattr(shutil, "which", lambda _: found_program)
    found = look(programs.check, ground)["programs"]
    assert (found.level, says in found.says) == ("fail", True)
