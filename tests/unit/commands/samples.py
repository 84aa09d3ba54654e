"""Small definitions to change in tests."""

from typing import Any

from errandry.commands.definition import parse
from errandry.commands.model import Command, ProcessSpec

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "word": {"type": "string"},
        "opt": {"type": "string"},
        "items": {"type": "array", "items": {"type": "string"}},
        "flag": {"type": "boolean"},
        "num": {"type": "number"},
        "tree": {"type": "object"},
        "any": {},
        "maybe": {"type": ["string", "null"]},
    },
    "additionalProperties": False,
}


def definition(**changes: Any) -> dict[str, Any]:
    """A good definition with some fields changed; a field that is None goes."""
    document = {
        "name": "sample",
        "description": "A sample.",
        "parameters": PARAMETERS,
        "run": {"process": {"argv": ["true"]}},
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def process(**fields: Any) -> ProcessSpec:
    """The process of a definition that was found good."""
    run = command(run={"process": {"argv": ["true"], **fields}}).run
    assert isinstance(run, ProcessSpec)
    return run


def command(**changes: Any) -> Command:
    """The command of a good definition with some fields changed."""
    return parse(definition(**changes))
