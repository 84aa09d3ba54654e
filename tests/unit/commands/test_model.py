from typing import Any

import pytest

from errandry.commands.model import (
    ApprovalRule,
    HttpSpec,
    McpSpec,
    OtherSpec,
    ProcessSpec,
    PythonSpec,
    command_document,
)
from unit.commands.samples import command, definition

MINIMAL = {
    "name": "sample",
    "description": "A sample.",
    "run": {"process": {"argv": ["true"]}},
}


def test_a_command_is_shown_as_written_with_the_defaults_of_the_rest() -> None:
    found = command(parameters=None)
    assert command_document(found) == {
        **MINIMAL,
        "title": None,
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        "result": None,
        "timeout_s": 3600,
        "retry": {"max_attempts": 1, "base_s": 1, "cap_s": 60},
        "annotations": {
            "read_only": False,
            "destructive": True,
            "idempotent": False,
            "open_world": True,
        },
        "on_crash": "fail",
        "approval": "never",
        "expires_in_s": 604800,
        "concurrency": None,
        "secrets": [],
        "tags": [],
        "expose": "auto",
        "task": "auto",
        "wait_s": 20,
        "ttl_s": None,
        "on_disconnect": "continue",
        "ask": None,
        "icon": None,
        "digest": found.digest,
        "origin": "file",
        "stats": {
            "runs": 0,
            "success_rate": None,
            "p50_s": None,
            "p95_s": None,
            "last_outcome": None,
        },
    }


def test_fields_as_written_are_kept_to_the_letter() -> None:
    written = definition(
        timeout_s=0.5,
        retry={"max_attempts": 3, "cap_s": 30},
        annotations={"read_only": True},
        approval={"when": {"type": "object"}},
        concurrency={"key": "k{word}"},
        tags=["b", "a"],
        result={"type": "object"},
    )
    shown = command_document(command(**written))
    assert {name: shown[name] for name in written} == {
        **written,
        "retry": {"max_attempts": 3, "base_s": 1, "cap_s": 30},
        "annotations": {
            "read_only": True,
            "destructive": False,
            "idempotent": False,
            "open_world": True,
        },
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "fail"),
        ({"annotations": {"idempotent": True}}, "retry"),
        ({"annotations": {"idempotent": True}, "on_crash": "fail"}, "fail"),
        ({"on_crash": "retry"}, "retry"),
    ],
)
def test_a_lost_attempt_is_run_again_when_that_does_no_harm(
    changes: dict[str, Any], expected: str
) -> None:
    assert command(**changes).on_crash == expected


@pytest.mark.parametrize(
    ("annotations", "destructive"),
    [({}, True), ({"read_only": True}, False), ({"destructive": False}, False)],
)
def test_what_is_not_read_only_may_destroy(annotations: dict[str, bool], destructive: bool) -> None:
    assert command(annotations=annotations).annotations.destructive is destructive


def test_attempts_are_counted_by_the_retry_policy() -> None:
    assert command().max_attempts == 1
    assert command(retry={"max_attempts": 3}).max_attempts == 3


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (
            {
                "process": {
                    "argv": ["a", "b"],
                    "cwd": "/srv",
                    "env": {"A": "b"},
                    "inherit_env": ["HOME"],
                    "stdin": "x",
                    "allow_dash": True,
                }
            },
            ProcessSpec(
                argv=("a", "b"),
                cwd="/srv",
                env={"A": "b"},
                inherit_env=("HOME",),
                stdin="x",
                allow_dash=True,
            ),
        ),
        (
            {
                "http": {
                    "method": "POST",
                    "url": "https://example.org/{word}",
                    "query": {"q": "{word}"},
                    "headers": {"A": "{secret:TOKEN}"},
                    "json": {"n": "{num}"},
                    "allow": ["127.0.0.1:80"],
                    "ok_status": [200, 404],
                }
            },
            HttpSpec(
                method="POST",
                url="https://example.org/{word}",
                query={"q": "{word}"},
                headers={"A": "{secret:TOKEN}"},
                json={"n": "{num}"},
                allow=("127.0.0.1:80",),
                ok_status=(200, 404),
            ),
        ),
        ({"python": {"call": "add"}}, PythonSpec(call="add")),
        ({"mcp": {"server": "files", "tool": "read"}}, McpSpec(server="files", tool="read")),
        ({"theirs": {"a": [1]}}, OtherSpec(executor="theirs", fields={"a": [1]})),
    ],
)
def test_the_key_of_run_names_the_executor(run: dict[str, Any], expected: Any) -> None:
    found = command(run=run, secrets=["TOKEN"]).run
    assert found == expected
    assert found.executor == next(iter(run))


def test_approval_may_depend_on_arguments_and_scopes() -> None:
    rule = {"when": {"required": ["word"]}, "by": "admin"}
    assert command(approval=rule).approval == ApprovalRule(when={"required": ["word"]}, by="admin")
    assert command(approval={}).approval == ApprovalRule(by="tasks:approve")


def test_a_field_without_a_value_is_a_field_left_out() -> None:
    written = {**definition(), "title": None, "ttl_s": None, "ask": None, "concurrency": None}
    assert command_document(command(**written))["title"] is None
