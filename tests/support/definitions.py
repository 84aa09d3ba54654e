"""Commands for tests, written as an operator would write them."""

import json
from pathlib import Path
from typing import Any

_ANY_TEXT: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 100, "default": "hello"}},
    "additionalProperties": False,
}


FORM: dict[str, Any] = {
    "type": "object",
    "description": "Which word?",
    "properties": {"word": {"type": "string"}, "times": {"type": "integer", "default": 1}},
    "required": ["word"],
}
"""What the commands that ask ask before they start."""


def definition(name: str, **fields: Any) -> dict[str, Any]:
    """A small definition that prints its text; `fields` are added or replaced."""
    return {
        "name": name,
        "description": f"The test command {name}.",
        "parameters": _ANY_TEXT,
        "run": {"process": {"argv": ["printf", "%s\\n", "{text}"]}},
        **fields,
    }


def write_commands(folder: Path) -> None:
    """Write one command for each thing that the services treat differently."""
    folder.mkdir(exist_ok=True)
    for document in (
        definition("echo"),
        definition("again", retry={"max_attempts": 3, "base_s": 0.001, "cap_s": 0.002}),
        definition("survivor", on_crash="retry"),
        definition("guarded", approval="always", expires_in_s=3600),
        definition("asking", ask=FORM, expires_in_s=3600),
        definition("guarded-asking", approval="always", ask=FORM),
        definition("foreign", run={"mcp": {"server": "s", "tool": "t"}}),
        definition("short-lived", ttl_s=60),
        definition("hidden", expose="hidden"),
        definition("keyed", concurrency={"key": "key-{text}", "limit": 1}),
        definition("pair", concurrency={"key": "key-{text}", "limit": 2}),
    ):
        write(folder, document)


def write(folder: Path, document: dict[str, Any]) -> None:
    """Write one definition as a file of its name."""
    (folder / f"{document['name']}.json").write_text(json.dumps(document), encoding="utf-8")
