"""A keeper: runs one attempt at a time and ends the whole tree of each.

It is a sub-reaper, so the kernel tells when a tree is gone: no child left to wait for. It takes on
what the program shall inherit; limits and user cannot be taken off again.
"""

import contextlib
import os
import resource
import socket
from collections.abc import Iterator

from errandry.execution.spawner import unix
from errandry.execution.spawner.channel import Channel
from errandry.execution.spawner.signals import RESET, ChildWatch
from errandry.execution.spawner.tree import Tree
from errandry.execution.spawner.wire import FailedMessage, JobMessage, Stage


def keep(control: socket.socket) -> None:
    """Run one attempt after the other until the worker closes the control socket."""
    os.setsid()
    os.dup2(1, 0)  # /dev/null: a received pipe must not get number 0
    unix.adopt_orphans()
    unix.fence_in()
    watch = ChildWatch()
    channel = Channel(control)
    while job := channel.next_job():
        try:
            child = start(job, channel.take_files())
        except NotStarted as refusal:
            channel.send(refusal.message)
        else:
            channel.send({"started": child})
            channel.send(Tree(channel, watch, child, job).follow())


class NotStarted(Exception):
    """The program was not started; `message` is for the worker."""

    def __init__(self, stage: Stage, error: Exception) -> None:
        super().__init__(stage)
        number = error.errno or 0 if isinstance(error, OSError) else 0
        self.message = FailedMessage(failed=number, stage=stage, text=str(error))


@contextlib.contextmanager
def during(stage: Stage) -> Iterator[None]:
    """Name the stage in which starting failed."""
    try:
        yield
    except (OSError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise NotStarted(stage, error) from error


def start(job: JobMessage, files: list[int]) -> int:
    """Start the program and return its process id; exec has succeeded then.

    Raises:
        NotStarted: with the stage and the reason; nothing runs.
    """
    try:
        with during("limits"):
            for name, value in job["limits"].items():
                limit(getattr(resource, f"RLIMIT_{name}"), value)
        with during("user"):
            if job["user"]:
                become(*job["user"], files)
        with during("workdir"):
            os.chdir(job["cwd"])
        with during("program"):
            return spawn(job, files)
    finally:
        os.chdir("/")  # the working folder can be removed while we are in use
        for fd in files:
            os.close(fd)  # or the worker would never see the end of the output


def limit(which: int, value: int) -> None:
    """Lower a limit to `value`; one that is lower already stays."""
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def become(uid: int, gid: int, files: list[int]) -> None:
    """Take on the real ids now; `resetids` makes them the program's only ids."""
    for fd in files:
        os.fchown(fd, uid, gid)  # so that it may open /dev/stdin and /dev/stdout
    os.setgroups([])
    os.setregid(gid, 0)
    os.setreuid(uid, 0)


def spawn(job: JobMessage, files: list[int]) -> int:
    """Start the program by `posix_spawn`: no copy of our memory, and errors come as errno."""
    output, error, *rest = files
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in ((output, 1), (error, 2))]
    if rest:
        actions.append((os.POSIX_SPAWN_DUP2, rest[0], 0))
    return os.posix_spawn(
        job["argv"][0],
        job["argv"],
        job["env"],
        file_actions=actions,
        resetids=True,
        setsigmask=[],
        setsigdef=RESET,
        **unix.NEW_GROUP,
    )
