"""What the process of a function leaves when it asks: checked before anybody is asked."""

from pathlib import Path
from typing import Any

import pytest

from errandry.commands.definition import parse
from errandry.execution.capture import Capture
from errandry.execution.executors.asking import asked
from errandry.execution.executors.port import Context
from errandry.execution.redact import Redaction

FORM = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    redaction = Redaction(["s3cret-value"])
    return Context(
        task_id="tsk_1",
        attempt=2,
        command=parse({"name": "x", "description": "x", "run": {"python": {"call": "f"}}}),
        arguments={},
        folder=tmp_path,
        lease_until=0,
        grace_s=1,
        capture=Capture(1_000_000, lambda _: None, redaction),
        on_progress=lambda _: None,
        on_start=lambda: None,
        questions={"ask": {"content": {}}, "ask-1": {"digest": "d", "content": {}}},
        redaction=redaction,
    )


def test_questions_get_the_next_keys_and_lose_their_secrets(context: Context) -> None:
    written = [
        {"message": "Is it s3cret-value?", "schema": FORM, "digest": "d2"},
        {"message": "Why?", "schema": FORM, "digest": "d3"},
    ]
    ending = asked(context, written)
    assert (ending.outcome, ending.error) == ("asked", None)
    assert ending.asked is not None
    assert ending.asked.expires_in_s == 604_800
    assert [(key, each.message, each.digest) for key, each in ending.asked.questions.items()] == [
        ("ask-2", "Is it ***?", "d2"),
        ("ask-3", "Why?", "d3"),
    ]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({}, "Input should be a valid list"),
        ([], "at least 1 item"),
        ([{"message": "", "schema": FORM, "digest": "d"}], "0/message"),
        ([{"message": "a" * 4_001, "schema": FORM, "digest": "d"}], "0/message"),
        ([{"message": "a", "schema": [], "digest": "d"}], "0/schema"),
        ([{"message": "a", "schema": {"type": "no"}, "digest": "d"}], "/type"),
        ([{"message": "a", "schema": {"type": "string"}, "digest": "d"}], "must be object"),
    ],
)
def test_what_is_no_question_fails_the_attempt(context: Context, written: Any, why: str) -> None:
    ending = asked(context, written)
    assert (ending.outcome, ending.asked) == ("failed", None)
    assert ending.error is not None
    assert ending.error.code == "result_invalid"
    assert why in ending.error.message
