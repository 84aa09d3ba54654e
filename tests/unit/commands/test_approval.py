from typing import Any

import pytest

from errandry.commands.approval import approver
from errandry.errors import InvalidCommand
from errandry.principal import SCOPES
from unit.commands.samples import command

LARGE = {"required": ["num"], "properties": {"num": {"minimum": 100}}}


@pytest.mark.parametrize(
    ("approval", "arguments", "expected"),
    [
        ("never", {}, None),
        ("always", {}, "tasks:approve"),
        ({}, {}, "tasks:approve"),
        ({"by": "admin"}, {}, "admin"),
        ({"when": LARGE}, {"num": 100}, "tasks:approve"),
        ({"when": LARGE}, {"num": 99}, None),
        ({"when": LARGE}, {}, None),
        ({"when": LARGE, "by": "admin"}, {"num": 100}, "admin"),
        ({"when": {}}, {}, "tasks:approve"),
    ],
)
def test_the_rule_says_who_has_to_approve(
    approval: Any, arguments: dict[str, Any], expected: str | None
) -> None:
    assert approver(command(approval=approval), arguments) == expected


def test_a_scope_that_nobody_could_hold_is_a_fault() -> None:
    with pytest.raises(InvalidCommand) as caught:
        command(approval={"by": "tasks:aprove"})
    [fault] = caught.value.faults
    assert (fault.path, fault.allowed) == ("/approval/by", list(SCOPES))
    assert "tasks:aprove" in fault.message


def test_a_rule_that_is_no_schema_is_a_fault() -> None:
    with pytest.raises(InvalidCommand) as caught:
        command(approval={"when": {"type": "text"}})
    assert caught.value.faults[0].path == "/approval/when/type"
