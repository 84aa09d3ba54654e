"""The concurrency key of a task: the command's text with the arguments in their places."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from errandry.commands.model import Command
from errandry.commands.placeholders import Placeholder, parts
from errandry.jsontext import canonical

MAX_CHARACTERS: Final = 255


def key_of(command: Command, arguments: Mapping[str, Any]) -> str | None:
    """Return the key that a task shares with those it must not run beside, None without a limit.

    Text stands as it is, what is absent as nothing, anything else as canonical JSON. A key that
    would be longer than `MAX_CHARACTERS` is replaced by its digest.
    """
    if command.concurrency is None:
        return None
    key = "".join(
        _text(part, arguments.get(part.name)) if isinstance(part, Placeholder) else part
        for part in parts(command.concurrency.key)
    )
    if len(key) <= MAX_CHARACTERS:
        return key
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def _text(placeholder: Placeholder, value: Any) -> str:
    if placeholder.flag is not None:
        return placeholder.flag if value is True else ""
    if value is None or isinstance(value, str):
        return value or ""
    return canonical(value)
