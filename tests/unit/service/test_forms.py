"""What is said about a form that is wrong: everything, where, and what would be right."""

from typing import Any

import pytest
from pydantic import ValidationError

from errandry.errors import ErrandryError, InvalidField, UnknownField
from errandry.service.forms import CreateTask, Form, ListTasks, Query, ReadLog, refusal


def _refused(
    form: type[Form | Query], fields: dict[str, Any], *, query: bool = False
) -> ErrandryError:
    with pytest.raises(ValidationError) as wrong:
        form.model_validate(fields)
    details = [{**detail} for detail in wrong.value.errors()]
    return refusal(details, list(form.model_fields), query=query)


def test_an_unknown_field_comes_with_the_nearest_name() -> None:
    error = _refused(CreateTask, {"command": "x", "argumnets": {}})
    assert isinstance(error, UnknownField)
    assert error.faults[0].path == "/argumnets"
    assert 'did you mean "arguments"?' in error.faults[0].message
    assert "arguments" in error.faults[0].allowed


def test_all_faults_come_at_once_with_their_paths() -> None:
    error = _refused(
        CreateTask,
        {"priority": 101, "labels": {"UPPER": "x", "ok": 5}, "title": "", "execute": "yes", "x": 1},
    )
    assert isinstance(error, InvalidField)
    paths = {fault.path for fault in error.faults}
    assert {"/command", "/priority", "/title", "/execute", "/x"} <= paths
    assert any(path.startswith("/labels/UPPER") for path in paths)
    assert "/labels/ok" in paths


def test_a_bound_is_named() -> None:
    error = _refused(CreateTask, {"command": "x", "priority": 101})
    assert error.faults[0].allowed == "at most 100"
    error = _refused(ListTasks, {"state": ["lost"]}, query=True)
    assert "succeeded" in error.faults[0].allowed


def test_two_moments_of_start_are_one_too_many() -> None:
    fields = {"command": "x", "run_at": "2026-11-24T08:00:00Z", "delay_s": 1}
    error = _refused(CreateTask, fields)
    assert error.message == "/: give run_at or delay_s, not both"


def test_a_moment_needs_its_zone() -> None:
    assert _refused(CreateTask, {"command": "x", "run_at": "2026-11-24T08:00:00"}).faults
    assert "RFC 3339" in _refused(CreateTask, {"command": "x", "run_at": 1e12}).faults[0].message
    assert CreateTask(command="x", run_at="2026-11-24T08:00:00+01:00").run_at is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (ListTasks, {"limit": "0"}),
        (ListTasks, {"limit": "many"}),
        (ListTasks, {"state": ["lost"]}),
        (ListTasks, {"label": ["no-colon"]}),
        (ReadLog, {"mode": "middle"}),
        (ReadLog, {"max_bytes": "1"}),
    ],
)
def test_a_query_value_is_named_by_its_field(form: type[Query], fields: dict[str, Any]) -> None:
    error = _refused(form, fields, query=True)
    assert isinstance(error, InvalidField)
    assert [fault.path for fault in error.faults] == [f"?{next(iter(fields))}"]


def test_a_path_is_a_json_pointer() -> None:
    """RFC 6901: `~` and `/` in a name are written `~0` and `~1`."""
    error = _refused(CreateTask, {"command": "x", "a/b~c": 1})
    assert error.faults[0].path == "/a~1b~0c"
