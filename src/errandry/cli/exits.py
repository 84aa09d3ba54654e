"""How the command line ends: one number for scripts, a few lines for people."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Every exit status; public API."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    FORBIDDEN = 3
    NOT_FOUND = 4
    CONFLICT = 5
    NO_SERVER = 6
    TIMED_OUT = 124
    INTERRUPTED = 130
    PIPE_CLOSED = 141


_BY_STATUS = {
    401: Exit.FORBIDDEN,
    403: Exit.FORBIDDEN,
    404: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    412: Exit.CONFLICT,
    429: Exit.NO_SERVER,
}


class Refusal(Exception):
    """A verb ends here. `lines` are for a person, `problem` is what the server said, if it did."""

    def __init__(self, exit_: Exit, *lines: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(*lines)
        self.exit = exit_
        self.lines = lines
        self.problem = problem


def refused(problem: Mapping[str, Any]) -> Refusal:
    """Turn an ``application/problem+json`` document (RFC 9457) into a refusal."""
    status = int(problem["status"])
    exit_ = _BY_STATUS.get(status, Exit.NO_SERVER if status >= 500 else Exit.USAGE)
    return Refusal(exit_, *_problem_lines(problem), problem=problem)


def _problem_lines(problem: Mapping[str, Any]) -> list[str]:
    lines = [problem["detail"], *(_fault_line(fault) for fault in problem.get("errors") or ())]
    if close := problem.get("did_you_mean"):
        lines.append(f"Did you mean {_words(close)}?")
    if scopes := problem.get("required_scopes"):
        lines.append(f"Needed: {_words(scopes)}")
    if step := problem.get("next_step"):
        lines.append(step)
    return lines


def _fault_line(fault: Mapping[str, Any]) -> str:
    line = f"  {fault['path']}: {fault['message']}"
    return line if fault["allowed"] is None else f"{line} (allowed: {_words(fault['allowed'])})"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(item) for item in value)
    return str(value)
