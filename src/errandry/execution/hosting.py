"""Carries out one attempt with the executor of another package: what runs in the attempt's process.

Imports little, so that it starts fast. The work comes on stdin as JSON, the result, or how it failed,
goes to the file that errandry reads it from.
"""

import asyncio
import inspect
import json
import os
import signal
import sys
from collections.abc import Awaitable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from errandry.plugin import EXECUTORS, Attempt, AttemptError, Executor, Json


def carry_out(work: dict[str, Any]) -> Json:
    """Run the executor of that name to its end and return its result."""
    (found, *_) = entry_points(group=EXECUTORS, name=work["executor"])
    executor: Executor = found.load()()
    secrets = {name: os.environ[name] for name in work["secrets"]}
    attempt = Attempt(work["fields"], work["arguments"], secrets, work["timeout_s"])
    result = executor.run(attempt)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Awaitable[Json]) -> Json:
    future = asyncio.ensure_future(result)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, future.cancel)
    return await future


def main() -> None:
    """Carry out the work that stands on stdin."""
    try:
        document, status = carry_out(json.load(sys.stdin)), 0
    except AttemptError as error:
        document = {"code": error.code, "message": str(error)}
        status = 1
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    text = json.dumps(document, allow_nan=False)
    Path(os.environ["ERRANDRY_RESULT"]).write_text(text, encoding="utf-8")
    sys.exit(status)


if __name__ == "__main__":
    main()
