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
    with subprocess.Popen(
        [sys.executable, str(FOLDER / name), "--short"],
        env=bytecode(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as bench:
        try:
            out, err = bench.communicate(timeout=LIMIT_S)
        finally:
            bench.terminate()  # it ends what it has started; a kill would not
    assert bench.returncode == 0, err
    figures = [json.loads(line) for line in out.splitlines()]
    assert figures
    assert {figure["bench"].partition(".")[0] for figure in figures} == {name.removesuffix(".py")}
