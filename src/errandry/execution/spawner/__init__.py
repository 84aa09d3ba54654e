"""Starts programs fast and leaves none behind, with one helper process per worker.

`spawner.py` and what it imports run in that process, the rest in the worker; all of it needs the
standard library alone.
"""

from errandry.execution.spawner.attempt import Attempt
from errandry.execution.spawner.client import Spawner
from errandry.execution.spawner.job import CannotStart, Ended, Job, Lost, Stream
from errandry.execution.spawner.output import Sink
from errandry.execution.spawner.strays import end_strays, is_free, sweep

__all__ = [
    "Attempt",
    "CannotStart",
    "Ended",
    "Job",
    "Lost",
    "Sink",
    "Spawner",
    "Stream",
    "end_strays",
    "is_free",
    "sweep",
]
