"""The benchmarks run, in their short form; what they measure is for `make bench` on a quiet machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.server import bytecode
from support.waiting import LIMIT_S

FOLDER = Path(__file__).parents[2] / "benchmarks"
BENCHMARKS = sorted(file.name for file in FOLDER.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_prints_its_figures_one_a_line(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / name), "--short"],
        env=bytecode(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    assert figures
    assert {figure["bench"].partition(".")[0] for figure in figures} == {name.removesuffix(".py")}
