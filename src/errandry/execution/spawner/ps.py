"""The table of processes where there is no /proc: what `ps` prints.

By `posix_spawn`, not `subprocess`: the helper's forks would carry that module, at twice their time.
"""

import os
import sys
from typing import NamedTuple

_WITH_ENVIRONMENT = ["-AEww"] if sys.platform == "darwin" else ["axeww"]


class Process(NamedTuple):
    """One line of the table."""

    pid: int
    parent: int
    group: int


def table() -> list[Process]:
    """Return every process but those that have ended and wait to be reaped.

    Raises:
        OSError: ps does not work, for example at a limit of processes.
    """
    lines = [line.split() for line in _run("-A", "-o", "pid=,ppid=,pgid=,stat=")]
    return [Process(*map(int, ids)) for *ids, state in lines if not state.startswith("Z")]


def carriers(words: set[str]) -> list[int]:
    """Return the processes whose command line or environment has all `words` (NAME=value).

    Raises:
        OSError: ps does not work.
    """
    lines = [line.split() for line in _run(*_WITH_ENVIRONMENT, "-o", "pid=,command=")]
    return [int(pid) for pid, *rest in lines if words.issubset(rest)]


def below(root: int, group: int) -> list[int]:
    """Return the processes of `group`, those below `root`, and those below all of these.

    Raises:
        OSError: ps does not work.
    """
    rows = table()
    found = [row.pid for row in rows if root == row.parent or group == row.group]
    for pid in found:  # grows while we walk
        found += [row.pid for row in rows if row.parent == pid and row.pid not in found]
    return found


def _run(*options: str) -> list[str]:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as output:
        try:
            redirect = [(os.POSIX_SPAWN_DUP2, write, 1)]
            pid = os.posix_spawn("/bin/ps", ["ps", *options], {}, file_actions=redirect)
        finally:
            os.close(write)
        text = output.read()
    if os.waitpid(pid, 0)[1]:
        raise OSError(f"ps {' '.join(options)} failed")
    lines = text.decode(errors="replace").splitlines()
    return [line for line in lines if int(line.split()[0]) != pid]
