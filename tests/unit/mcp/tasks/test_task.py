"""A task of the extension, in each status, as it is written."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from mcp import types

from errandry.mcp.tasks import Task
from errandry.mcp.tasks.task import Status

MADE = datetime(2026, 11, 24, 8, 0, 0, 123_456, tzinfo=UTC)
TASK = Task("t1", "working", MADE, MADE + timedelta(seconds=1))
ERROR = types.ErrorData(code=-32603, message="broken", data=None)


def test_a_handle_has_every_key_and_times_in_utc_with_milliseconds() -> None:
    assert TASK.handle() == {
        "taskId": "t1",
        "status": "working",
        "createdAt": "2026-11-24T08:00:00.123Z",
        "lastUpdatedAt": "2026-11-24T08:00:01.123Z",
        "ttlMs": None,
    }
    elsewhere = replace(TASK, created_at=MADE.astimezone(timezone(timedelta(hours=5))))
    assert elsewhere.handle() == TASK.handle()


def test_what_is_known_besides_is_written() -> None:
    document = replace(TASK, ttl_ms=5, poll_ms=7, message="so far").handle()
    assert document.items() >= {"ttlMs": 5, "pollIntervalMs": 7, "statusMessage": "so far"}.items()


@pytest.mark.parametrize(
    ("status", "own"),
    [
        ("working", {}),
        ("input_required", {"inputRequests": {"k": {"method": "elicitation/create"}}}),
        ("completed", {"result": {"resultType": "complete", "content": [], "isError": False}}),
        ("failed", {"error": {"code": -32603, "message": "broken"}}),
        ("cancelled", {}),
    ],
)
def test_each_status_has_what_belongs_to_it_and_nothing_else(
    status: Status, own: dict[str, Any]
) -> None:
    task = replace(
        TASK,
        status=status,
        result={"content": [], "isError": False},
        error=ERROR,
        input_requests={"k": {"method": "elicitation/create"}},
    )
    document = task.detailed()
    assert {key: document[key] for key in document if key not in task.handle()} == own
    assert document.keys() == task.handle().keys() | own.keys()


def test_a_failed_task_has_an_error_and_a_message_whatever_its_store_knows() -> None:
    assert replace(TASK, status="failed", error=ERROR).detailed()["statusMessage"] == "broken"
    unknown = replace(TASK, status="failed").detailed()
    assert unknown["error"] == {"code": -32603, "message": "Internal error"}
    assert unknown["statusMessage"] == "Internal error"


def test_nobody_is_told_to_poll_what_is_final() -> None:
    assert "pollIntervalMs" not in replace(TASK, status="completed", poll_ms=7).detailed()
