"""What Linux and macOS do differently, one small function each; every caller has one code path.

Constants are kernel ABI numbers (linux/prctl.h, linux/landlock.h); Python has no names for them.
"""
# Not pathlib: every keeper would carry it, and it is slow in the loop that kills.
# ruff: noqa: PTH110, PTH123, PTH208

import contextlib
import ctypes
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from errandry.execution.spawner import ps

PORTABLE = "ERRANDRY_SPAWNER_PORTABLE"
"""The variable that switches to the code path of macOS on any platform."""

LINUX = sys.platform == "linux" and not os.environ.get(PORTABLE)
NEW_GROUP: dict[str, Any] = {"setsid": True} if LINUX else {"setpgroup": 0}
"""Options of `os.posix_spawn`: the program leads a process group of its own."""

_CHILDREN_FILES = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 4, 36, 38
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT, _LANDLOCK_VERSION = 444, 446, 1  # same on all 64-bit CPUs
_SCOPE_ABSTRACT_SOCKET, _SCOPE_SIGNAL = 1, 2


def now(*, counts_sleep: bool) -> float:
    """Return seconds on a clock that all processes of this machine share.

    Without `counts_sleep` it is `time.monotonic`, which stands still while the machine sleeps.
    """
    if not counts_sleep:
        return time.monotonic()
    return time.clock_gettime(
        time.CLOCK_BOOTTIME if sys.platform == "linux" else time.CLOCK_MONOTONIC
    )


def adopt_orphans() -> bool:
    """Make orphans below this process its own children (sub-reaper). Not inherited by fork."""
    return LINUX and bool(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def harden() -> None:
    """Gain no rights by exec, ever (inherited); hide own memory from same-uid tasks (until exec)."""
    if LINUX:
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def can_fence() -> bool:
    """Tell whether `fence_in` can work here."""
    return LINUX and bool(_libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION) >= 6)


def fence_in() -> bool:
    """Send no signals to outsiders, and do not trace them or read their environment, from now on.

    Landlock scope, Linux >= 6.12; inherited.
    """
    if not can_fence():
        return False
    rules = (ctypes.c_uint64 * 3)(0, 0, _SCOPE_SIGNAL | _SCOPE_ABSTRACT_SOCKET)
    fd = _libc.syscall(_LANDLOCK_CREATE, rules, ctypes.sizeof(rules), 0)
    if fd < 0:
        return False
    done = _libc.syscall(_LANDLOCK_RESTRICT, fd, 0) == 0
    os.close(fd)
    return bool(done)


def allow_many_files() -> None:
    """Raise the soft limit: the helper holds one descriptor per keeper."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (10_000 if hard < 0 else min(hard, 10_000), hard)
        )


def peak_memory(usage: resource.struct_rusage) -> int:
    """Return the peak resident size in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def receive(control: socket.socket, size: int, files: int) -> tuple[bytes, list[int]]:
    """Read what is there and up to `files` descriptors, which no program inherits."""
    data, fds, _, _ = socket.recv_fds(control, size, files)
    for fd in fds:
        os.set_inheritable(fd, False)
    return data, fds


def children(pid: int) -> list[int]:
    """Return the children of a process, none when it has ended."""
    if not LINUX or not _CHILDREN_FILES:
        return [other for other, parent in _parents() if parent == pid]
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def descendants(root: int) -> Iterator[int]:
    """Walk everything below `root`.

    A process that the caller kills before taking the next one has no more children from then on,
    and those it had are still found: so nothing escapes by forking while we walk.
    """
    found = children(root)
    for pid in found:  # grows while we walk
        yield pid
        found += children(pid)


def escaped(root: int, group: int, marks: Mapping[str, str]) -> list[int]:
    """Return what is below `root` or in `group`, or carries `marks`: all we can know without Linux.

    Raises:
        OSError: ps does not work.
    """
    return list({*ps.below(root, group), *marked(marks)})


def marked(marks: Mapping[str, str]) -> list[int]:
    """Return the other processes that have all of `marks` in their environment; none for no marks.

    A process that empties its environment is not found.

    Raises:
        OSError: the table of processes cannot be read.
    """
    words = {f"{name}={value}" for name, value in marks.items()}
    if not words:
        return []
    found = _carriers(words) if LINUX else ps.carriers(words)
    return [pid for pid in found if pid != os.getpid()]


def _carriers(words: set[str]) -> list[int]:
    wanted, found = {word.encode() for word in words}, []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
            if wanted.issubset(file.read().split(b"\0")):
                found.append(int(name))
    return found


def _parents() -> list[tuple[int, int]]:
    """List (pid, parent) of every process; for macOS and for kernels without the files above."""
    if not LINUX:
        return [(row.pid, row.parent) for row in ps.table()]
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            found.append((int(name), int(file.read().rpartition(b")")[2].split()[1])))
    return found
