from typing import Any

import pytest

from errandry.commands.askrules import form_faults


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string", "format": "email", "maxLength": 20},
        {"type": "string", "oneOf": [{"const": "a", "title": "A"}]},
        {"type": "number", "minimum": 0},
        {"type": "integer", "default": 1},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        {"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}},
    ],
)
def test_a_field_may_be(field: dict[str, Any]) -> None:
    form = {"type": "object", "title": "t", "properties": {"a": field}, "required": ["a"]}
    assert [*form_faults(form, "/ask")] == []


@pytest.mark.parametrize(
    "field",
    [{}, True, {"type": ["string", "null"]}, {"type": "array", "items": {"type": "string"}}],
)
def test_a_field_may_not_be(field: Any) -> None:
    [fault] = form_faults({"type": "object", "properties": {"a/b": field}}, "/ask")
    assert fault.path == "/ask/properties/a~1b"


def test_all_faults_are_told_at_once() -> None:
    found = form_faults({"allOf": [], "properties": {"a": False}}, "")
    assert [fault.path for fault in found] == ["/allOf", "/type", "/properties/a"]
