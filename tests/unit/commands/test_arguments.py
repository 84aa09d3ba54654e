from typing import Any

import pytest

from errandry.commands.arguments import check_arguments, fill_defaults
from errandry.errors import Fault, InvalidArguments

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "width": {"type": "integer", "minimum": 1},
        "colour": {"enum": ["red", "green"], "default": "red"},
        "inner": {
            "type": "object",
            "properties": {"deep": {"type": "array", "default": [1]}, "other": {}},
        },
        "made": {"default": {"a": 1}, "properties": {"b": {"default": 2}}},
        "nothing": {"type": ["string", "null"], "default": None},
        "anything": True,
    },
    "required": ["width"],
    "additionalProperties": False,
}


def test_absent_arguments_get_the_defaults_of_the_schema() -> None:
    assert check_arguments(SCHEMA, {"width": 3}) == {
        "width": 3,
        "colour": "red",
        "made": {"a": 1, "b": 2},
        "nothing": None,
    }


def test_defaults_are_filled_inside_objects_that_are_there() -> None:
    filled = fill_defaults(SCHEMA, {"inner": {"other": 5}, "made": {}})
    assert filled["inner"] == {"other": 5, "deep": [1]}
    assert filled["made"] == {"b": 2}


def test_what_is_given_stays_as_it_is() -> None:
    given = {"width": 3, "colour": "green", "nothing": "x", "inner": {"deep": []}, "made": {"b": 0}}
    assert check_arguments(SCHEMA, given) == given


def test_neither_the_arguments_nor_the_schema_are_changed() -> None:
    given: dict[str, Any] = {"width": 3, "inner": {}}
    filled = check_arguments(SCHEMA, given)
    filled["inner"]["deep"].append(2)
    filled["made"]["a"] = 7
    assert given == {"width": 3, "inner": {}}
    assert check_arguments(SCHEMA, given)["inner"] == {"deep": [1]}
    assert check_arguments(SCHEMA, given)["made"] == {"a": 1, "b": 2}


def test_a_default_is_checked_like_a_value() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": "x"}}}
    with pytest.raises(InvalidArguments):
        check_arguments(schema, {})


def test_all_faults_are_told_and_the_first_is_in_the_message() -> None:
    with pytest.raises(InvalidArguments) as refused:
        check_arguments(SCHEMA, {"colour": "blue", "surplus": 1})
    error = refused.value
    paths = {fault.path for fault in error.faults}
    assert paths == {"/arguments/width", "/arguments/colour", "/arguments/surplus"}
    first = error.faults[0]
    assert error.message == f"The arguments do not fit: {first.path}: {first.message} (and 2 more)"
    assert error.next_step


def test_paths_begin_where_the_caller_put_the_arguments() -> None:
    with pytest.raises(InvalidArguments) as refused:
        check_arguments(SCHEMA, {"width": 0}, prefix="")
    assert refused.value.faults == (Fault("/width", "0 is out of range", "at least 1"),)


@pytest.mark.parametrize("value", ["a\0b", "\ud800", ["\udfff"], {"\0": 1}])
def test_text_that_no_database_holds_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArguments) as refused:
        check_arguments({"type": "object"}, {"x": value})
    assert [fault.path for fault in refused.value.faults] == ["/arguments"]
