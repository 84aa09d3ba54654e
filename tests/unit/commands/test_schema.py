from typing import Any

import pytest

from errandry.commands.schema import Schema, check_schema
from errandry.errors import Fault

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def faults(part: Any, value: Any) -> list[Fault]:
    return Schema({"type": "object", "properties": {"x": part}}).faults({"x": value})


@pytest.mark.parametrize(
    ("part", "value", "message", "allowed"),
    [
        ({"type": "integer"}, "two", '"two" is of the wrong type', ["integer"]),
        ({"type": "integer"}, True, "true is of the wrong type", ["integer"]),
        ({"type": ["string", "null"]}, 3, "3 is of the wrong type", ["null", "string"]),
        ({"enum": ["red", 1]}, "blue", '"blue" is not one of the allowed values', ["red", 1]),
        ({"const": 3}, 4, "4 is not the allowed value", [3]),
        ({"minimum": 1, "maximum": 10}, 99, "99 is out of range", "1 … 10"),
        ({"minimum": 1}, 0, "0 is out of range", "at least 1"),
        ({"maximum": 1.5}, 2, "2 is out of range", "at most 1.5"),
        (
            {"exclusiveMinimum": 0, "maximum": 5},
            0,
            "0 is out of range",
            "more than 0 and at most 5",
        ),
        ({"exclusiveMaximum": 5}, 5, "5 is out of range", "less than 5"),
        ({"multipleOf": 2}, 3, "3 is not a multiple of 2", None),
        ({"minLength": 1}, "", '"" has 0 characters', "at least 1 character"),
        ({"minLength": 2, "maxLength": 3}, "abcd", '"abcd" has 4 characters', "2 … 3 characters"),
        ({"minItems": 1, "maxItems": 1}, [1, 2], "the list has 2 items", "exactly 1 item"),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, "the object has 2 fields", "at most 1 field"),
        ({"uniqueItems": True}, [1, 1], "the list holds an item twice", None),
        ({"contains": {"const": 1}}, [2], "the list lacks an item of the needed kind", None),
        ({"pattern": "^a+$"}, "b", '"b" does not match the pattern', "^a+$"),
        ({"not": {"type": "string"}}, "s", '"s" has a form that is not allowed', None),
        (False, 1, "nothing is allowed here", None),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            1.5,
            "1.5 fits none of the allowed forms",
            ["string", "integer"],
        ),
        (
            {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
            3,
            "3 does not fit exactly one of the allowed forms",
            None,
        ),
        (
            {"$ref": "#/properties/x/$defs/y", "$defs": {"y": {"minimum": 1, "maximum": 2}}},
            3,
            "3 is out of range",
            "1 … 2",
        ),
    ],
)
def test_a_fault_says_what_is_wrong_and_what_would_be_right(
    part: Any, value: Any, message: str, allowed: Any
) -> None:
    assert faults(part, value) == [Fault("/arguments/x", message, allowed)]


def test_a_missing_property_is_named_by_its_own_path() -> None:
    schema = {"properties": {"a/b": {"type": "integer"}}, "required": ["a/b"]}
    assert Schema(schema).faults({}, "") == [Fault("/a~1b", '"a/b" is missing', "integer")]


def test_a_surplus_property_is_named_with_the_nearest_known_one() -> None:
    schema = {"properties": {"width": {}, "height": {}}, "additionalProperties": False}
    assert Schema(schema).faults({"widht": 1}) == [
        Fault(
            "/arguments/widht",
            'There is no field "widht"; did you mean "width"?',
            ["height", "width"],
        )
    ]


def test_a_property_that_no_part_evaluates_is_surplus() -> None:
    schema = {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}
    assert [fault.path for fault in Schema(schema).faults({"b": 1})] == ["/arguments/b"]


def test_the_name_of_a_property_can_be_at_fault() -> None:
    assert faults({"propertyNames": {"pattern": "^a"}}, {"b": 1}) == [
        Fault("/arguments/x/b", 'the name "b" is not allowed', "^a")
    ]


def test_an_alternative_with_one_form_of_the_right_type_is_judged_by_that_form() -> None:
    part = {
        "anyOf": [{"type": "null"}, {"type": "object", "properties": {"n": {"type": "integer"}}}]
    }
    assert faults(part, {"n": "x"}) == [
        Fault("/arguments/x/n", '"x" is of the wrong type', ["integer"])
    ]


def test_all_faults_come_at_once() -> None:
    schema = {
        "type": "object",
        "properties": {
            "width": {"type": "integer", "maximum": 10},
            "deep": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["height"],
        "additionalProperties": False,
    }
    found = Schema(schema).faults({"width": 99, "deep": [1, "two", 3, "four"], "surplus": 1})
    assert {fault.path.removeprefix("/arguments") for fault in found} == {
        *("/width", "/deep/1", "/deep/3", "/height", "/surplus")
    }


def test_a_hundred_faults_are_enough() -> None:
    assert len(faults({"items": {"type": "integer"}}, ["x"] * 5000)) == 100


def test_a_long_value_is_shown_by_its_beginning() -> None:
    [fault] = faults({"type": "integer"}, "x" * 100_000)
    assert len(fault.message) < 100


def test_invisible_characters_of_a_value_are_shown_as_escapes() -> None:
    [fault] = faults({"type": "integer"}, "ä\u202e\x1b[0m\n")
    assert fault.message == '"ä\\u202e\\u001b[0m\\n" is of the wrong type'


def test_a_number_of_any_size_is_judged() -> None:
    assert faults({"type": "integer"}, 10**400) == []
    assert len(faults({"maximum": 5}, 10**400)) == 1


@pytest.mark.parametrize(
    ("document", "expected"),
    [({}, False), ({"b": 1}, True), ({"a": "x"}, False), ({"a": "x", "b": 1}, False)],
)
def test_surplus_alone_is_told_from_other_faults(document: Any, expected: bool) -> None:
    schema = {"properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    assert Schema(schema).only_surplus(document) is expected


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}},
        {"$schema": DIALECT, "type": "string", "format": "date", "x-more": 1},
        {"$ref": "#"},
        {"properties": {"child": {"$ref": "#"}}},
        {"pattern": r"^[\w-]+(\.\d{1,3}){2,5}$"},
    ],
)
def test_a_schema_is_taken(schema: Any) -> None:
    assert check_schema(schema) == []


@pytest.mark.parametrize(
    ("schema", "path", "message"),
    [
        ({"type": "wrong"}, "/type", "not one of the allowed values"),
        ({"properties": {"a": {"required": True}}}, "/properties/a/required", "wrong type"),
        ({"properties": {"a": {"pattern": "(?=a)"}}}, "/properties/a/pattern", "linear time"),
        ({"pattern": r"(a)\1"}, "/pattern", "linear time"),
        ({"pattern": "(a"}, "/pattern", "linear time"),
        ({"patternProperties": {"(?!a)": {}}}, "/patternProperties/(?!a)", "linear time"),
        ({"$ref": "http://127.0.0.1:1/x"}, "", "leads nowhere"),
        ({"$ref": "file:///etc/passwd"}, "", "leads nowhere"),
        ({"$id": "http://a/b", "$ref": "c"}, "", "leads nowhere"),
        ({"$ref": "#/$defs/none"}, "", "leads nowhere"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "dialect"),
        ({"$schema": "http://127.0.0.1:1/x"}, "/$schema", "dialect"),
        ({"$schema": 5}, "/$schema", "dialect"),
        (5, "", "wrong type"),
        (None, "", "wrong type"),
        ({"enum": ["x" * 70_000]}, "", "too long"),
        ({"const": "a\0b"}, "", "NUL"),
    ],
)
def test_a_bad_schema_is_refused_at_its_place(schema: Any, path: str, message: str) -> None:
    found = check_schema(schema, "/parameters")
    assert found
    assert found[0].path == "/parameters" + path
    assert message in found[0].message


def test_all_faults_of_a_schema_come_at_once() -> None:
    found = check_schema({"type": "wrong", "minimum": "x"})
    assert [fault.path for fault in found] == ["/type", "/minimum"]


def test_a_schema_may_have_thirty_two_levels() -> None:
    def nested(levels: int) -> dict[str, Any]:
        schema: dict[str, Any] = {}
        for _ in range(levels):
            schema = {"not": schema}
        return schema

    assert check_schema(nested(32)) == []
    assert "nested deeper" in check_schema(nested(33))[0].message


@pytest.mark.parametrize("keyword", ["allOf", "anyOf"])
def test_a_small_schema_that_unfolds_to_a_huge_one_is_refused(keyword: str) -> None:
    steps: dict[str, Any] = {
        f"a{n}": {keyword: [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)
    }
    schema = {"$ref": "#/$defs/a0", "$defs": {**steps, "a40": {"type": "string"}}}
    [fault] = check_schema(schema)
    assert "grows too large" in fault.message


def test_a_pattern_that_takes_other_engines_ages_is_judged() -> None:
    """A backtracking engine needs 20 seconds for 29 characters; this has 50,000."""
    assert len(faults({"pattern": "^(a+)+$"}, "a" * 50_000 + "!")) == 1
