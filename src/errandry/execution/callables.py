"""Calls one function of an installed package: what runs in the process of a `run: python` attempt.

Imports little, so that it starts fast. Arguments come on stdin, the result goes to
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

from errandry.plugin import CallContext

GROUP: Final = "errandry.callables"


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
