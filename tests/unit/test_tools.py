"""What a newcomer's machine may lack is said in one line."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("sh", "dirname", "uname", "rm", "touch", "env")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder of programs without any Python, and a copy of the script to run."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "venv", tmp_path / "tools" / "venv")
    return programs


def _python(programs: Path, script: str) -> None:
    path = programs / "python3.11"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _said(bare: Path, **environment: str) -> str:
    ended = subprocess.run(
        [bare.parent / "tools" / "venv", "serve"],
        env={"PATH": str(bare), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def test_a_machine_without_python_is_told_so(bare: Path) -> None:
    assert "needs Python 3.11 or newer (tried: python3.14" in _said(bare)


def test_a_python_that_is_too_old_is_told_so(bare: Path) -> None:
    _python(bare, "exit 1")  # what the question for its version ends with
    assert "needs Python 3.11 or newer (tried: python3.11)" in _said(bare, PYTHON="python3.11")


def test_a_python_without_venv_is_told_so(bare: Path) -> None:
    _python(bare, 'case "$2" in *ensurepip*) exit 1 ;; esac')
    assert "python3.11 has no venv module" in _said(bare)


@pytest.mark.parametrize("system", ["Windows_NT", "MINGW64_NT-10.0"])
def test_windows_is_pointed_to_wsl(bare: Path, system: str) -> None:
    (bare / "uname").unlink()
    (bare / "uname").write_text(f"#!/bin/sh\necho {system}\n")
    (bare / "uname").chmod(0o755)
    assert "inside WSL 2" in _said(bare)


def test_the_scripts_can_be_run() -> None:
    assert all(os.access(ROOT / "tools" / name, os.X_OK) for name in ("venv", "test", "pin"))
