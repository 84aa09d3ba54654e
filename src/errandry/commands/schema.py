"""JSON Schema 2020-12: checks schemas themselves, and documents against them.

Nothing is ever fetched, and patterns run in linear time.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final, NoReturn

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from errandry import jsontext
from errandry.commands import explain, pointer
from errandry.errors import Fault

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
MAX_UNFOLDED: Final = 10_000
MAX_FAULTS: Final = 100


class Schema:
    """A schema, compiled once for all that use the same text.

    Raises:
        jsonschema_rs.ValidationError: it is no schema; see `check_schema`.
    """

    def __init__(self, schema: dict[str, Any] | bool) -> None:
        self._schema = schema
        self._validator = _compiled(jsontext.canonical(schema))

    def faults(self, document: Any, prefix: str = "/arguments") -> list[Fault]:
        """Return what is wrong with a document, at most 100 faults; `prefix` is the pointer to it."""
        found = (
            fault
            for error in self._errors(document)
            for fault in explain.faults(error, self._schema, prefix)
        )
        distinct = {(fault.path, fault.message): fault for fault in islice(found, MAX_FAULTS)}
        return list(distinct.values())

    def accepts(self, document: Any) -> bool:
        """Whether nothing is wrong with a document."""
        return self._validator.is_valid(document)

    def only_surplus(self, document: Any) -> bool:
        """Whether the document is wrong, and only by fields that the schema does not know."""
        kinds = [error.kind for error in self._errors(document)]
        return bool(kinds) and all(isinstance(kind, explain.SURPLUS) for kind in kinds)

    def _errors(self, document: Any) -> Iterator[ValidationError]:
        for error in self._validator.iter_errors(document):
            yield from explain.narrowed(error)


def check_schema(schema: Any, prefix: str = "") -> list[Fault]:
    """Return what is wrong with a schema; no fault means that `Schema` takes it.

    A reference may only point into the schema itself, a pattern needs an expression without
    look-around and back-references, and 64 KiB, 32 levels and 10,000 subschemas with the references
    unfolded are enough.
    """
    return (
        _limit_faults(schema, prefix)
        or _meta_schema().faults(schema, prefix)
        or _compile_faults(schema, prefix)
    )


def _limit_faults(schema: Any, prefix: str) -> list[Fault]:
    try:
        jsontext.check_text(schema, MAX_DEPTH)
    except jsontext.JsonError as error:
        return [Fault(prefix, f"the schema is no use: {error}", f"at most {MAX_DEPTH} levels")]
    if len(jsontext.canonical(schema).encode()) > MAX_BYTES:
        return [Fault(prefix, "the schema is too long", f"at most {MAX_BYTES} bytes")]
    if isinstance(schema, dict) and schema.get("$schema", DIALECT) != DIALECT:
        return [Fault(pointer.join(prefix, "$schema"), "another dialect of JSON Schema", [DIALECT])]
    return []


def _compile_faults(schema: Any, prefix: str) -> list[Fault]:
    try:
        Schema(schema)
    except ValidationError as error:
        return [_compile_fault(error, prefix)]
    if _unfolded(schema, schema, {}) > MAX_UNFOLDED:
        message = "the schema grows too large when its references are unfolded"
        return [Fault(prefix, message, f"at most {MAX_UNFOLDED} subschemas")]
    return []


def _compile_fault(error: ValidationError, prefix: str) -> Fault:
    path = pointer.join(prefix, *error.instance_path)
    if isinstance(error.kind, explain.Kind.Referencing):
        reason = error.kind.error.message.partition(" and retrieving")[0]
        return Fault(path, f"a reference leads nowhere: {reason}", 'references that begin with "#"')
    return Fault(
        path,
        f"{explain.shown(error.instance)} is no pattern that runs in linear time",
        "a regular expression without look-around and back-references",
    )


@lru_cache(maxsize=256)
def _compiled(text: str) -> Draft202012Validator:
    return Draft202012Validator(text, retriever=_refuse, pattern_options=RegexOptions())


@lru_cache(maxsize=1)
def _meta_schema() -> Schema:
    return Schema({"$ref": DIALECT})


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is not fetched")


def _unfolded(schema: Any, root: Any, sizes: dict[str, int]) -> int:
    """Count the subschemas with local references unfolded.

    A chain of definitions that each refer twice to the next doubles the work of a check at each
    step. A reference to something around it counts nothing.
    """
    if isinstance(schema, list):
        return sum(_unfolded(item, root, sizes) for item in schema)
    if not isinstance(schema, dict):
        return 0
    size = 1 + sum(_unfolded(part, root, sizes) for name, part in schema.items() if name != "$defs")
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        if reference not in sizes:
            sizes[reference] = 0
            sizes[reference] = _unfolded(_target(root, reference), root, sizes)
        size += sizes[reference]
    return size


def _target(root: Any, reference: str) -> Any:
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        root = root.get(name) if isinstance(root, dict) else None
    return root
