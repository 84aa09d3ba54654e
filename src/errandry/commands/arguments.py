"""Arguments: completed with the defaults of a schema, and checked against it."""

import copy
from collections.abc import Mapping
from typing import Any

from errandry import jsontext
from errandry.commands.schema import Schema
from errandry.errors import Fault, InvalidArguments


def check_arguments(
    schema: dict[str, Any], arguments: Mapping[str, Any], *, prefix: str = "/arguments"
) -> dict[str, Any]:
    """Return a copy of the arguments with the defaults filled in, once they fit the schema.

    `prefix` is the JSON pointer to the arguments in what the caller sent.

    Raises:
        InvalidArguments: they do not fit; it names every fault.
    """
    try:
        jsontext.check_text(dict(arguments))
    except jsontext.JsonError as error:
        raise _refusal([Fault(prefix, str(error))]) from error
    filled = fill_defaults(schema, arguments)
    if faults := Schema(schema).faults(filled, prefix):
        raise _refusal(faults)
    return filled


def fill_defaults(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with the `default` of each absent property, also in objects that are there."""
    filled = dict(arguments)
    properties = schema.get("properties", {})
    for name, part in properties.items():
        if not isinstance(part, dict):
            continue
        if name not in filled and "default" in part:
            filled[name] = copy.deepcopy(part["default"])
        if isinstance(filled.get(name), dict):
            filled[name] = fill_defaults(part, filled[name])
    return filled


def _refusal(faults: list[Fault]) -> InvalidArguments:
    first = f"{faults[0].path}: {faults[0].message}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidArguments(
        f"The arguments do not fit: {first}{more}",
        next_step="Correct what the errors name, and send the call again.",
        faults=faults,
    )
