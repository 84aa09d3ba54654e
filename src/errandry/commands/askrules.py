"""What a question may look like: the part of JSON Schema that MCP's form elicitation takes.

Source: MCP 2025-11-25, client features, elicitation, "requested schema".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from errandry.commands import pointer
from errandry.errors import Fault

_KNOWN: Final = (
    "$schema",
    "additionalProperties",
    "description",
    "properties",
    "required",
    "title",
    "type",
)
_SCALARS: Final = ("string", "number", "integer", "boolean")
_FIELDS: Final = "a string, number, integer, boolean, or an array of strings to choose from"


def form_faults(schema: Mapping[str, Any], prefix: str) -> Iterator[Fault]:
    """Yield what keeps a sound JSON Schema from being a form: flat, and a simple type each."""
    for name in sorted(schema.keys() - set(_KNOWN)):
        yield Fault(pointer.join(prefix, name), f'a form has no "{name}"', [*_KNOWN])
    if schema.get("type") != "object":
        yield Fault(pointer.join(prefix, "type"), "the type must be object", ["object"])
    properties = schema.get("properties")
    for name, field in properties.items() if isinstance(properties, dict) else ():
        if not _is_field(field):
            path = pointer.join(prefix, "properties", name)
            yield Fault(path, f'a form cannot ask for "{name}" of that type', _FIELDS)


def _is_field(field: Any) -> bool:
    if not isinstance(field, dict):
        return False
    if field.get("type") != "array":
        return field.get("type") in _SCALARS
    items = field.get("items")
    return isinstance(items, dict) and ("enum" in items or "anyOf" in items)
