"""What the worker asks for and what it gets: a job, how it ended, or why it did not start."""

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from errandry.execution.spawner.wire import Message, Why

Reason = Literal[
    "bad_program",
    "bad_text",
    "too_long",
    "no_program",
    "no_interpreter",
    "not_runnable",
    "no_workdir",
    "bad_limits",
    "bad_user",
    "no_resources",
    "no_spawner",
]
Stream = Literal["stdout", "stderr"]

LIMITS: Mapping[str, int] = {"CORE": 0, "NOFILE": 1024}
_FEWEST_FILES = 16
"""The keeper lives under the limits of its jobs, too."""

_LONGEST_WORD = 128 * 1024
"""Bytes with the NUL at the end: MAX_ARG_STRLEN of Linux."""


class CannotStart(Exception):
    """Nothing was started. `reason` is for programs, the text for people.

    Try again later for `no_resources` and `no_spawner`; the others will not go away by themselves.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Lost(Exception):
    """The processes between us and the program died; whether it did its work is unknown.

    `gone`: nothing that carries the marks of the job is left.
    """

    def __init__(self, text: str, *, gone: bool) -> None:
        super().__init__(text)
        self.gone = gone


@dataclass(frozen=True, kw_only=True)
class Job:
    """One program to run, with everything it gets: nothing is inherited from the worker.

    argv: the first is an absolute path. cwd: exists. marks: added to `env`; together they belong to
    this attempt alone, and strays are found by them. lease_s: seconds from `Spawner.start` until
    the tree is killed, unless fed. stdin: a short text; None is /dev/null. limits: names of
    RLIMIT_ constants, each both soft and hard, and never above the worker's own. user: (uid, gid),
    needs root.
    """

    argv: Sequence[str]
    cwd: Path
    marks: Mapping[str, str]
    lease_s: float
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes | None = None
    limits: Mapping[str, int] = field(default_factory=lambda: LIMITS)
    user: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program ended; its whole tree is gone.

    exit_code: None when a signal ended it. signal: its name, as in "SIGKILL". why: by itself, by
    `Attempt.cancel`, or by the end of the lease. cpu_s: of the tree. max_rss_bytes: of its largest
    process, at least the 10 MB of the keeper before exec. output_cut: something outside the tree
    still held an output pipe.
    """

    exit_code: int | None
    signal: str | None
    why: Why
    cpu_s: float
    max_rss_bytes: int
    output_cut: bool


def check(job: Job) -> None:
    """Refuse with a sentence what exec would refuse with a riddle.

    Raises:
        CannotStart: bad_program, bad_limits, bad_text or too_long.
    """
    if not job.argv or not Path(job.argv[0]).is_absolute():
        named = repr(job.argv[0]) if job.argv else "missing"
        raise CannotStart("bad_program", f"the program is {named}; give an absolute path")
    files = job.limits.get("NOFILE", _FEWEST_FILES)
    if files < _FEWEST_FILES:
        raise CannotStart("bad_limits", f"limit NOFILE is {files}; give at least {_FEWEST_FILES}")
    environment = {**job.env, **job.marks}
    for name, value in environment.items():
        if not name or "=" in name:
            raise CannotStart("bad_text", f"{name!r} is no name of a variable: empty, or with a =")
        _check_word(f"{name}={value}")
    for word in (*job.argv, str(job.cwd)):
        _check_word(word)


def _check_word(word: str) -> None:
    if "\0" in word:
        raise CannotStart("bad_text", "an argument or variable contains a NUL character")
    try:
        size = len(word.encode()) + 1
    except UnicodeEncodeError:
        raise CannotStart("bad_text", "an argument or variable is not valid Unicode") from None
    if sys.platform == "linux" and size > _LONGEST_WORD:
        raise CannotStart(
            "too_long",
            f"an argument or variable has {size - 1} bytes; {_LONGEST_WORD - 1} are allowed",
        )


def explain(failed: Message, job: Job) -> CannotStart:
    """Say why the keeper could not start the program."""
    number = failed["failed"]
    text = os.strerror(number) if number else failed["text"]
    match failed["stage"]:
        case "limits":
            return CannotStart("bad_limits", f"limits {dict(job.limits)}: {text}")
        case "user":
            return CannotStart("bad_user", f"running as user and group {job.user}: {text}")
        case "workdir":
            return CannotStart("no_workdir", f"working folder {job.cwd}: {text}")
        case _:
            return _explain_exec(number, text, job.argv[0])


def _explain_exec(number: int, text: str, program: str) -> CannotStart:
    reason: Reason
    match number:
        case errno.ENOENT if Path(program).exists():
            reason, text = "no_interpreter", "the interpreter in its first line is missing"
        case errno.ENOENT | errno.ENOTDIR:
            reason, text = "no_program", "no such program"
        case errno.ENOEXEC:
            reason, text = "no_interpreter", "not a program (a script needs a #! line)"
        case errno.E2BIG:
            reason, text = "too_long", "arguments and variables together are too long"
        case errno.EAGAIN | errno.ENOMEM | errno.EMFILE | errno.ENFILE:
            reason, text = "no_resources", f"{text}; a limit of processes, memory or files"
        case _:
            reason = "not_runnable"
    return CannotStart(reason, f"{program}: {text}")
