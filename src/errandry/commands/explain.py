"""What a validation error means to the caller: which value, where, and what would be right."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema_rs import ValidationError, ValidationErrorKind

from errandry.commands import pointer
from errandry.errors import Fault, unknown_field

Kind = ValidationErrorKind
SURPLUS: Final = (Kind.AdditionalProperties, Kind.UnevaluatedProperties)
_SHOWN_CHARACTERS: Final = 60

_SENTENCES: Final = {
    "type": "{shown} is of the wrong type",
    "enum": "{shown} is not one of the allowed values",
    "const": "{shown} is not the allowed value",
    "minimum": "{shown} is out of range",
    "maximum": "{shown} is out of range",
    "exclusiveMinimum": "{shown} is out of range",
    "exclusiveMaximum": "{shown} is out of range",
    "multipleOf": "{shown} is not a multiple of {value}",
    "minLength": "{shown} has {size} characters",
    "maxLength": "{shown} has {size} characters",
    "minItems": "the list has {size} items",
    "maxItems": "the list has {size} items",
    "minProperties": "the object has {size} fields",
    "maxProperties": "the object has {size} fields",
    "uniqueItems": "the list holds an item twice",
    "contains": "the list lacks an item of the needed kind",
    "pattern": "{shown} does not match the pattern",
    "format": "{shown} is not of the format {value}",
    "anyOf": "{shown} fits none of the allowed forms",
    "oneOf": "{shown} does not fit exactly one of the allowed forms",
    "not": "{shown} has a form that is not allowed",
    "falseSchema": "nothing is allowed here",
}

_NUMBERS: Final = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "")
_RANGES: Final = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"), _NUMBERS),
    **dict.fromkeys(("minLength", "maxLength"), ("minLength", "", "maxLength", "", " characters")),
    **dict.fromkeys(("minItems", "maxItems"), ("minItems", "", "maxItems", "", " items")),
    **dict.fromkeys(
        ("minProperties", "maxProperties"), ("minProperties", "", "maxProperties", "", " fields")
    ),
}


def narrowed(error: ValidationError) -> Iterator[ValidationError]:
    """Yield the errors to report in place of one.

    Of an alternative of which only one form has the type of the value, those are the errors of that
    form: ``anyOf: [{…}, {type: null}]`` means the first.
    """
    if isinstance(error.kind, Kind.AnyOf | Kind.OneOfNotValid):
        near = [form for form in error.kind.context if form and not _is_of_other_type(error, form)]
        if len(near) == 1:
            for inner in near[0]:
                yield from narrowed(inner)
            return
    yield error


def _is_of_other_type(error: ValidationError, form: list[ValidationError]) -> bool:
    return any(
        isinstance(e.kind, Kind.Type) and e.instance_path == error.instance_path for e in form
    )


def faults(error: ValidationError, schema: Any, prefix: str) -> Iterator[Fault]:
    """Yield the faults of one error; the schema is the whole one, `prefix` the pointer to the value."""
    path = pointer.join(prefix, *error.instance_path)
    kind = error.kind
    if isinstance(kind, Kind.Required):
        name = kind.property
        hint = _at(schema, [*error.schema_path[:-1], "properties", name]).get("type")
        yield Fault(pointer.join(path, name), f'"{name}" is missing', hint)
    elif isinstance(kind, SURPLUS):
        known = sorted(_at(schema, error.schema_path[:-1]).get("properties", ()))
        for name in kind.unexpected:
            yield unknown_field(pointer.join(path, name), name, known)
    elif isinstance(kind, Kind.PropertyNames):
        name = str(kind.error.instance)
        yield Fault(
            pointer.join(path, name),
            f'the name "{name}" is not allowed',
            _allowed(kind.error, schema),
        )
    else:
        yield Fault(path, _sentence(error), _allowed(error, schema))


def _sentence(error: ValidationError) -> str:
    template = _SENTENCES.get(error.kind.name, "{shown} breaks the rule {rule}")
    value = error.instance
    size = len(value) if isinstance(value, str | list | dict) else 0
    return template.format(
        shown=shown(value), value=error.kind.value, size=size, rule=error.kind.name
    )


def shown(value: Any) -> str:
    """Write a value for a sentence: cut to a readable length, invisible characters as escapes."""
    text = json.dumps(value, ensure_ascii=False)
    cut = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)


def _allowed(error: ValidationError, schema: Any) -> Any:
    """Return what would be right: a list of values or type names, or a phrase; else None."""
    kind = error.kind
    if isinstance(kind, Kind.Type | Kind.Enum | Kind.Pattern | Kind.Format):
        return kind.value
    if isinstance(kind, Kind.Constant):
        return [kind.expected_value]
    if isinstance(kind, Kind.AnyOf | Kind.OneOfNotValid):
        return _alternatives(kind.context, schema)
    if kind.name in _RANGES:
        return _range(
            _at(schema, error.schema_path[:-1]) or {kind.name: kind.value}, *_RANGES[kind.name]
        )
    return None


def _alternatives(forms: list[list[ValidationError]], schema: Any) -> list[Any]:
    found: list[Any] = []
    for form in forms:
        one = _allowed(form[0], schema) if form else None
        for value in one if isinstance(one, list) else [one]:
            if value is not None and value not in found:
                found.append(value)
    return found


def _range(
    schema: Mapping[str, Any], low: str, above: str, high: str, below: str, unit: str
) -> str:
    """Say the range, as ``1 … 10``, ``at least 1 item`` or ``more than 0 and at most 5``."""
    if low in schema and high in schema and not {above, below} & schema.keys():
        least, most = schema[low], schema[high]
        text = f"exactly {least}" if least == most else f"{least} … {most}"
    else:
        words = {low: "at least", above: "more than", high: "at most", below: "less than"}
        text = " and ".join(
            f"{word} {schema[name]}" for name, word in words.items() if name in schema
        )
    return text + (unit.removesuffix("s") if text.endswith(" 1") else unit)


def _at(schema: Any, path: list[str | int]) -> dict[str, Any]:
    """Return the part of the schema at a path, or nothing when it lies in another document."""
    for step in path:
        try:
            schema = schema[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return schema if isinstance(schema, dict) else {}
