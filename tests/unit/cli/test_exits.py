"""How what a server refuses becomes an exit status and lines."""

import pytest

from errandry.cli.exits import Exit, refused


@pytest.mark.parametrize(
    ("status", "exit_"),
    [
        (400, Exit.USAGE),
        (401, Exit.FORBIDDEN),
        (403, Exit.FORBIDDEN),
        (404, Exit.NOT_FOUND),
        (405, Exit.USAGE),
        (409, Exit.CONFLICT),
        (412, Exit.CONFLICT),
        (413, Exit.USAGE),
        (421, Exit.USAGE),
        (422, Exit.USAGE),
        (429, Exit.NO_SERVER),
        (500, Exit.NO_SERVER),
        (503, Exit.NO_SERVER),
    ],
)
def test_each_status_has_its_exit(status: int, exit_: Exit) -> None:
    assert refused({"status": status, "detail": "No"}).exit is exit_


def test_all_that_helps_is_told_in_order() -> None:
    refusal = refused(
        {
            "status": 422,
            "detail": "The arguments do not fit",
            "errors": [
                {"path": "/arguments/width", "message": "99 is too wide", "allowed": {"le": 10}},
                {"path": "/arguments/colour", "message": "no colour", "allowed": ["red", "blue"]},
                {"path": "/arguments/height", "message": "is missing", "allowed": None},
            ],
            "did_you_mean": ["resize"],
            "required_scopes": ["tasks:write", "admin"],
            "next_step": "Look at the command.",
        }
    )
    assert refusal.lines == (
        "The arguments do not fit",
        "  /arguments/width: 99 is too wide (allowed: le 10)",
        "  /arguments/colour: no colour (allowed: red, blue)",
        "  /arguments/height: is missing",
        "Did you mean resize?",
        "Needed: tasks:write, admin",
        "Look at the command.",
    )
