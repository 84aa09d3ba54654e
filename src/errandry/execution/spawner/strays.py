"""After a crash: is anything of an old worker left, and the end of what is.

Every spawner of a worker and its keepers share a lock on the worker's lock file; programs do not.
A shared lock, so that a new spawner need not wait for keepers that outlived the old one. So "the
lock is free" proves that no keeper is left, and without keepers only strays can be.
"""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from errandry.execution.spawner import unix
from errandry.execution.spawner.signals import send

SWEEP_S = 5.0
_PAUSE_S = 0.005


def is_free(lock: Path) -> bool:
    """Tell whether no spawner or keeper holds the lock file; one that does not exist is free.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(fd)


def sweep(marks: Mapping[str, str], seconds: float = SWEEP_S) -> bool:
    """KILL what carries all of `marks` until nothing does; tell whether that was reached in time.

    Two looks in a row have to find nothing: a process may end between being listed and being read,
    and leave a child that was not listed.
    """
    end = time.monotonic() + seconds
    empty = 0
    while empty < 2 and time.monotonic() < end:
        empty = empty + 1 if _nothing_to_kill(marks) else 0
        time.sleep(_PAUSE_S)
    return empty == 2


def _nothing_to_kill(marks: Mapping[str, str]) -> bool:
    try:
        found = unix.marked(marks)
    except OSError:
        return False  # no ps at a limit of processes: unknown is not empty
    for pid in found:
        send(signal.SIGKILL, pid)
    return not found


async def end_strays(marks: Mapping[str, str], seconds: float = SWEEP_S) -> bool:
    """Do `sweep` beside the event loop."""
    return await asyncio.to_thread(sweep, marks, seconds)
