"""Calls one function of an installed package: what runs in the process of a `run: python` attempt.

Imports little, so that it starts fast. Arguments and the answers so far come on stdin; the result goes
to the file that errandry reads it from, or questions to the one beside it.

A function that asks is ended. Once its questions are answered it is called again from its beginning, and
what it asks then has an answer: so it must ask the same again, in the same order.
"""

import asyncio
import hashlib
import inspect
import json
import os
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from errandry.plugin import CallContext

GROUP: Final = "errandry.callables"


class Asking(BaseException):
    """Ends a call that asks what has no answer yet."""


class OtherQuestion(Exception):
    """A function that is called again asks something else than before."""


class FunctionContext(CallContext):
    """What a function is given beside its arguments.

    `answers` are those that are there, in the order of their questions; `open` are the questions without.
    """

    def __init__(self, answers: Iterable[Mapping[str, Any]]) -> None:
        super().__init__()
        self._answers = iter(answers)
        self.open: list[dict[str, Any]] = []

    def ask(self, message: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask a person, and return the content of the answer.

        `schema` is a JSON Schema of an object with simple fields; without it the person only agrees.
        The call does not come back before there is an answer: see the head of this file. Declining
        ends the task.

        Raises:
            OtherQuestion: before, something else was asked here.
        """
        return self.ask_all((message, schema))[0]

    def ask_all(self, *questions: tuple[str, Mapping[str, Any] | None]) -> list[dict[str, Any]]:
        """Ask several things at once, as `ask` asks one; return the contents in their order."""
        contents = [self._answer(message, schema) for message, schema in questions]
        if self.open:
            raise Asking
        return contents

    def _answer(self, message: str, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        asked = {"message": message, "schema": schema or {"type": "object", "properties": {}}}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = next(self._answers, None)
        if known is None:
            self.open.append({**asked, "digest": digest})
            return {}
        if known["digest"] != digest:
            raise OtherQuestion(
                f"Before, another question was asked and answered in the place of {message!r}; a function"
                " that is called again must ask the same, in the same order"
            )
        content: dict[str, Any] = known["content"]
        return content


def call(name: str, arguments: dict[str, Any], context: FunctionContext) -> Any:
    """Call a function, or run a coroutine function to its end, and return its result."""
    (found, *_) = entry_points(group=GROUP, name=name)
    result = found.load()(arguments, context)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def main() -> None:
    """Call the function that the command line names."""
    sent = json.load(sys.stdin)
    context, path = FunctionContext(sent["answers"]), Path(os.environ["ERRANDRY_RESULT"])
    result = None
    try:
        result = call(sys.argv[1], sent["arguments"], context)
    except BaseException:
        if not context.open:
            raise
    if context.open:
        result, path = context.open, path.with_name("questions")
    path.write_text(json.dumps(result, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    main()
