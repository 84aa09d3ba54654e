"""Rules of the structure that no linter knows."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from errandry import errors, problems
from errandry.errors import ErrandryError

SOURCE = Path(errors.__file__).parent
MAX_LINES = 300

SELECTS_FOR_WORKERS = {
    "claims.claim",
    "claims.next_due",
    "claims.renew",
    "claims.cancel_requested",
    "claims.claim_delivery",
    "claims.busy_workers",
    "claims._running",
    "deliveries._anew",
    "deliveries._delays",
    "reports.report",
    "endings.finish",
    "changing.sweep",
    "reading.active",
    "queue.may_start",
    "queue._busy",
    "queue.read",
    "queue._count_before",
    "queue._of_waiting",
    "runs._newest",
    "backlog.backlog",
}
"""The functions that look at every owner's tasks: none of them shows a caller one of another's."""


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def _subclasses(kind: type[ErrandryError]) -> Iterator[type[ErrandryError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _subclasses(below)


def test_every_error_has_a_row_and_every_row_an_error() -> None:
    tree = {kind for kind in _subclasses(ErrandryError) if kind.__module__ == "errandry.errors"}
    assert tree == set(problems.STATUS)


def test_every_problem_has_the_shape_of_the_wire() -> None:
    for kind, status in problems.STATUS.items():
        problem = problems.problem(kind("why", next_step="then", faults=[errors.Fault("/a", "b")]))
        assert problem == {
            "type": f"urn:errandry:problem:{kind.code}",
            "title": status.phrase,
            "status": int(status),
            "detail": "why",
            "code": kind.code,
            "errors": [{"path": "/a", "message": "b", "allowed": None}],
            "next_step": "then",
        }


def test_layers_hold() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=SOURCE.parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_no_shell_is_ever_used() -> None:
    banned = {"create_subprocess_shell", "system", "popen", "getoutput", "getstatusoutput"}
    for name, module in _modules():
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            assert called not in banned, f"{name}, line {node.lineno}"
            assert "shell" not in {keyword.arg for keyword in node.keywords}, (
                f"{name}, line {node.lineno}"
            )


def test_tokens_are_decoded_in_one_place() -> None:
    decoding = {
        name
        for name, module in _modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and node.attr in ("decode", "decode_complete")
        and isinstance(node.value, ast.Name)
        and node.value.id == "jwt"
    }
    assert decoding == {"auth.verifier"}


def test_every_look_at_tasks_for_a_caller_goes_through_its_filter() -> None:
    """Whoever selects tasks asks `visible_to`, `owned_by` or `find`, or is known to serve workers."""
    unfiltered = set()
    for name, module in _modules():
        if not name.startswith("tasks.sql."):
            continue
        for function in ast.walk(module):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            called = {
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
                for node in ast.walk(function)
                if isinstance(node, ast.Call)
            }
            uses = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            selects = "select_tasks" in called or ("select" in called and "tasks" in uses)
            if selects and not called & {"visible_to", "owned_by", "conditions", "find"}:
                unfiltered.add(f"{name.removeprefix('tasks.sql.')}.{function.name}")
    assert unfiltered == SELECTS_FOR_WORKERS


def test_both_facades_check_tokens_with_one_verifier() -> None:
    """REST's dependency and the MCP endpoint call `verify`; nothing else does."""
    callers = {
        name
        for name, module in _modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "verify"
    }
    assert callers == {"mcp.http", "rest.callers"}
