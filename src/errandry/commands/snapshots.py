"""Commands as tasks keep them: read back from the definition that a task was made from."""

from functools import lru_cache
from typing import Any

from errandry.commands.definition import parse
from errandry.commands.model import Command
from errandry.jsontext import canonical, loads


def command_of(document: dict[str, Any]) -> Command:
    """Return the command of a stored definition. Old definitions stay readable for ever."""
    return _parsed(canonical(document))


@lru_cache(maxsize=256)
def _parsed(text: str) -> Command:
    return parse(loads(text))
