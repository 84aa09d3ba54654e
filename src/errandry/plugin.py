"""What packages write executors and functions against; docs/executors.md teaches how.

Imports next to nothing, because it is imported in the process of every attempt.
"""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from errandry.errors import Fault

__all__ = [
    "EXECUTORS",
    "Attempt",
    "AttemptError",
    "CallContext",
    "Executor",
    "Failed",
    "Fault",
    "Json",
    "Lost",
    "NotStartable",
    "Spec",
]

EXECUTORS: Final = "errandry.executors"
"""The entry-point group whose names are keys of `run` in command files."""

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of the same."""


class CallContext:
    """The attempt that this process was started for, as its environment says.

    `attempt` counts from 1. What is printed is the log.
    """

    def __init__(self) -> None:
        self.task_id = os.environ["ERRANDRY_TASK_ID"]
        self.attempt = int(os.environ["ERRANDRY_ATTEMPT"])
        self._progress = Path(os.environ["ERRANDRY_PROGRESS"])

    def progress(
        self,
        current: float | None = None,
        total: float | None = None,
        message: str | None = None,
    ) -> None:
        """Say how far it is; shown at most once a second."""
        report = {"current": current, "total": total, "message": message}
        with self._progress.open("a", encoding="utf-8") as file:
            file.write(json.dumps(report) + "\n")

    def log(self, text: str) -> None:
        """Write a line to the log."""
        print(text, flush=True)  # noqa: T201 - stdout is the log of the attempt


class Attempt(CallContext):
    """One attempt to carry out: what to do, and where to say how it goes.

    `fields` are what the command file says below the name of the executor, `arguments` those of the
    task, checked and with their defaults. `secrets` are values by name. The attempt may take
    `timeout_s` seconds.
    """

    def __init__(
        self,
        fields: Mapping[str, Json],
        arguments: Mapping[str, Json],
        secrets: Mapping[str, str],
        timeout_s: float,
    ) -> None:
        super().__init__()
        self.command = os.environ["ERRANDRY_COMMAND"]
        self.fields = fields
        self.arguments = arguments
        self.secrets = secrets
        self.timeout_s = timeout_s


@dataclass(frozen=True, slots=True)
class Spec:
    """What a command file asks of an executor.

    `fields` fit the executor's schema. `parameters` are the schemas of the arguments by name,
    `secrets` the names of the secrets that the command gets.
    """

    fields: Mapping[str, Json]
    parameters: Mapping[str, Json]
    secrets: frozenset[str]


class Executor(ABC):
    """Carries out attempts of commands whose `run` has the name of its entry point.

    The entry point names a subclass, or any function without parameters that returns an instance.
    `schema` (JSON Schema 2020-12) says which fields a command file may write.
    """

    schema: ClassVar[Mapping[str, Json]] = {"type": "object"}

    def faults(self, spec: Spec) -> Iterable[Fault]:  # noqa: ARG002 - for those who override it
        """Say what is wrong with a command file beyond `schema`.

        The path of a fault is a JSON pointer into `spec.fields`. Called in the server, whenever a
        file is read: look at nothing but `spec`, and return at once.
        """
        return ()

    @abstractmethod
    def run(self, attempt: Attempt) -> Json | Awaitable[Json]:
        """Carry out one attempt and return its result; may be `async def`.

        Called in a process of its own. A cancel or the timeout is SIGTERM, and KILL once the grace
        is over: it cancels a coroutine, and ends the process of an ordinary function.

        Raises:
            Failed, NotStartable, Lost: it did not go well; any other exception shows its traceback.
        """


class AttemptError(Exception):
    """The attempt did not go well. The message is one sentence for who asked for the task."""

    code: ClassVar[str]
    outcome: ClassVar[Literal["failed", "lost"]] = "failed"


class Failed(AttemptError):
    """What was asked for went wrong; tried again as `retry` of the command says."""

    code = "exit_code"


class NotStartable(AttemptError):
    """Nothing was begun: something that is needed is not there."""

    code = "not_startable"


class Lost(AttemptError):
    """Nobody knows whether it was done; tried again as `on_crash` of the command says."""

    code = "attempt_lost"
    outcome = "lost"
