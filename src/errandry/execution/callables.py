"""Calls one function of an installed package: what runs in the process of a `run: python` attempt.

Imports the standard library alone, so that it starts fast. Arguments come on stdin, the result goes to
the file that errandry reads it from.
"""

import asyncio
import inspect
import json
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

GROUP: Final = "errandry.callables"


class CallContext:
    """What a function is given beside its arguments.

    `attempt` counts from 1. What the function prints is its log.
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


def call(name: str) -> Any:
    """Call a function, or run a coroutine function to its end, and return its result."""
    arguments = json.load(sys.stdin)
    (found, *_) = entry_points(group=GROUP, name=name)
    result = found.load()(arguments, CallContext())
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def main() -> None:
    """Call the function that the command line names."""
    result = json.dumps(call(sys.argv[1]), allow_nan=False)
    Path(os.environ["ERRANDRY_RESULT"]).write_text(result, encoding="utf-8")


if __name__ == "__main__":
    main()
