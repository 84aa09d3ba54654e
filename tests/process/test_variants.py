"""The same tests, shorter, as an ordinary user and on the code path of macOS."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import errandry
from errandry.execution.spawner import unix

HERE = Path(__file__).parent
NOBODY = 65534
TIMEOUT_S = 300


def run_again(
    python: str, folder: Path, *, user: int | None = None, portable: bool = False
) -> None:
    libraries = [Path(errandry.__file__).parents[1], Path(pytest.__file__).parents[1]]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, libraries)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ERRANDRY_TEST_SHORT": "1",
        **({unix.PORTABLE: "1"} if portable else {}),
    }
    options = ["-q", "-n2", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    options += ["-p", "no:schemathesis", "-p", "no:valkey"]  # they need what this Python may lack
    options += [f"--basetemp={folder}", f"--ignore={__file__}"]
    done = subprocess.run(
        [python, "-m", "pytest", *options, str(HERE)],
        cwd=HERE.parents[1],
        env=environment,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]


def python_for(user: int) -> str:
    """An interpreter of our version that the user may run: ours can lie in the home of root."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [sys.executable, f"/usr/bin/{minor}", f"/usr/local/bin/{minor}"]
    for candidate in candidates:
        try:
            subprocess.run([candidate, "-c", "import json"], user=user, group=user, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    pytest.fail(f"user {user} can run none of {', '.join(candidates)}")


def test_all_holds_for_an_ordinary_user(tmp_path: Path) -> None:
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    folder = tmp_path / "user"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    run_again(python_for(NOBODY), folder / "base", user=NOBODY)


def test_all_holds_on_the_portable_path(tmp_path: Path) -> None:
    run_again(sys.executable, tmp_path / "base", portable=True)
