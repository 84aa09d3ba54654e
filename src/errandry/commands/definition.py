"""From a document to a command: finds all that is wrong at once."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from errandry import jsontext
from errandry.commands import pointer
from errandry.commands.askrules import form_faults
from errandry.commands.executors import Executors
from errandry.commands.httprules import http_faults
from errandry.commands.invisible import invisible
from errandry.commands.model import BUILT_IN, Command, Definition, HttpSpec, Origin, ProcessSpec
from errandry.commands.names import why_reserved
from errandry.commands.placeholders import BadTemplate, Placeholder, parts
from errandry.commands.rules import process_faults, secret_faults, unknown_name
from errandry.commands.schema import MAX_DEPTH, MAX_FAULTS, Schema, check_schema
from errandry.errors import Fault, InvalidCommand, UnknownField
from errandry.plugin import Spec
from errandry.principal import SCOPES

_NEXT_STEP: Final = "Correct what the errors name, and send the whole definition again."
_MAX_CHARACTERS: Final = 128 * 1024
"""Of the canonical JSON; what a file of 64 KiB can hold is at most about twice as long there."""

_SCHEMAS: Final = ("parameters", "result", "ask")
_SHOWN: Final = ("title", "description", "tags", *_SCHEMAS)


def parse(document: Any, origin: Origin = "file", executors: Executors | None = None) -> Command:
    """Check a definition and return its command.

    What is for an executor of another package is checked with `executors`, without them not at all.

    Raises:
        UnknownField: it has fields that do not exist, and no other fault.
        InvalidCommand: it has other faults, too.
    """
    _check_limits(document)
    shape = _shape().faults(document, "")
    meaning = list(islice(_meaning_faults(document, executors), MAX_FAULTS))
    if meaning or shape:
        unknown_only = not meaning and _shape().only_surplus(document)
        raise _refusal(UnknownField if unknown_only else InvalidCommand, [*shape, *meaning])
    return Command(**document, document=document, digest=digest(document), origin=origin)


def _check_limits(document: Any) -> None:
    try:
        jsontext.check_text(document, MAX_DEPTH)
    except jsontext.JsonError as error:
        raise _refusal(InvalidCommand, [Fault("", str(error))]) from error
    if len(jsontext.canonical(document)) > _MAX_CHARACTERS:
        raise _refusal(InvalidCommand, [Fault("", "the definition is too long")])


def digest(document: dict[str, Any]) -> str:
    """Return ``sha256:…`` of the canonical JSON of a definition as written."""
    return "sha256:" + hashlib.sha256(jsontext.canonical(document).encode()).hexdigest()


@lru_cache(maxsize=1)
def _shape() -> Schema:
    return Schema(Definition.model_json_schema())


def _refusal(
    error: type[InvalidCommand | UnknownField], faults: list[Fault]
) -> InvalidCommand | UnknownField:
    first = f"{faults[0].path or '/'}: {faults[0].message}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return error(f"The definition is wrong at {first}{more}", next_step=_NEXT_STEP, faults=faults)


def _meaning_faults(document: Any, executors: Executors | None) -> Iterator[Fault]:
    """Yield what the shape does not show. Any part may be missing or of a wrong type."""
    if not isinstance(document, dict):
        return
    name = document.get("name")
    if isinstance(name, str) and (reason := why_reserved(name)):
        yield Fault("/name", reason, "another name")
    for field in _SHOWN:
        yield from _invisible_faults(document.get(field), pointer.join("", field))
    for field in _SCHEMAS:
        yield from _schema_faults(document, field)
    yield from _twice_faults(document)
    parameters = _properties(document, "parameters") | _properties(document, "ask")
    secrets = document.get("secrets")
    secrets = secrets if isinstance(secrets, list) else []
    yield from secret_faults(secrets)
    yield from _run_faults(document.get("run"), parameters, secrets)
    if executors is not None:
        yield from _other_faults(document.get("run"), parameters, secrets, executors)
    concurrency = document.get("concurrency")
    if isinstance(concurrency, dict) and isinstance(key := concurrency.get("key"), str):
        yield from _key_faults(key, parameters)
    approval = document.get("approval")
    if isinstance(approval, dict):
        yield from _approval_faults(approval)


def _approval_faults(rule: dict[str, Any]) -> Iterator[Fault]:
    if isinstance(when := rule.get("when"), dict):
        yield from check_schema(when, "/approval/when")
    by = rule.get("by")
    if isinstance(by, str) and by not in SCOPES:
        yield Fault("/approval/by", f'"{by}" is no scope, so nobody could hold it', list(SCOPES))


def _schema_faults(document: dict[str, Any], field: str) -> Iterator[Fault]:
    schema = document.get(field)
    if not isinstance(schema, dict):
        return
    path = pointer.join("", field)
    yield from check_schema(schema, path)
    if field == "ask":
        yield from form_faults(schema, path)
    elif field == "parameters" and schema.get("type") != "object":
        yield Fault(pointer.join(path, "type"), "the type must be object", ["object"])


def _twice_faults(document: dict[str, Any]) -> Iterator[Fault]:
    """An answer in the place of an argument could change what was approved."""
    twice = _properties(document, "parameters").keys() & _properties(document, "ask").keys()
    for name in sorted(twice):
        path = pointer.join("", "ask", "properties", name)
        yield Fault(path, f'"{name}" is a parameter already', "another name")


def _properties(document: dict[str, Any], field: str) -> dict[str, Any]:
    schema = document.get(field)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def _key_faults(key: str, parameters: dict[str, Any]) -> Iterator[Fault]:
    try:
        placeholders = [part for part in parts(key) if isinstance(part, Placeholder)]
    except BadTemplate as error:
        yield Fault("/concurrency/key", str(error))
        return
    for placeholder in placeholders:
        yield from unknown_name(placeholder, parameters, "/concurrency/key")


def _run_faults(run: Any, parameters: dict[str, Any], secrets: list[Any]) -> Iterator[Fault]:
    if not isinstance(run, dict):
        return
    process, http = run.get("process"), run.get("http")
    if process is not None and not _spec_shape(ProcessSpec).faults(process):
        yield from process_faults(ProcessSpec(**process), parameters)
    if http is not None and not _spec_shape(HttpSpec).faults(http):
        yield from http_faults(HttpSpec(**http), parameters, secrets)


def _other_faults(
    run: Any, parameters: dict[str, Any], secrets: list[Any], executors: Executors
) -> Iterator[Fault]:
    if not isinstance(run, dict) or len(run) != 1:
        return
    [(name, fields)] = run.items()
    if name not in BUILT_IN and isinstance(fields, dict):
        named = frozenset(secret for secret in secrets if isinstance(secret, str))
        yield from executors.faults(name, Spec(fields, parameters, named))


@lru_cache(maxsize=2)
def _spec_shape(spec: type[ProcessSpec | HttpSpec]) -> Schema:
    return Schema(spec.model_json_schema())


def _invisible_faults(value: Any, path: str) -> Iterator[Fault]:
    if isinstance(value, str):
        if found := invisible(value):
            message = f"the text holds invisible characters: {', '.join(found)}"
            yield Fault(path, message, "characters that can be seen, line feeds and tabs")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _invisible_faults(item, pointer.join(path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _invisible_faults(key, pointer.join(path, key))
            yield from _invisible_faults(item, pointer.join(path, key))
