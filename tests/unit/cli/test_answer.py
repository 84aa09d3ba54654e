"""``errandry tasks answer``."""

import json
from typing import Any

import pytest

from errandry.cli.main import main
from support.commandline import CommandLine
from support.documents import Document
from support.fake_rest import FakeRest
from support.terminals import terminal

FIELDS: Document = {
    "sure": {"type": "boolean", "description": "Really"},
    "where": {"type": "string", "title": "Where to", "enum": ["test", "live"]},
    "times": {"type": "integer", "default": 1},
    "how": {"type": "string", "oneOf": [{"const": "fast", "title": "Fast"}]},
    "tags": {"type": "array", "items": {"anyOf": [{"const": "a"}, {"minLength": 1}]}},
}
ASK = ("ask", "Delete it?\x1b[8m", {"type": "object", "properties": FIELDS, "required": ["sure"]})
AGREE = ("ask-1", "Go on?", {"type": "object", "properties": {}})


def asking(server: FakeRest, *questions: tuple[str, str, Document]) -> Document:
    requests = {
        key: {"method": "elicitation/create", "params": {"message": said, "requestedSchema": form}}
        for key, said, form in questions
    }
    return server.add("deploy", state="input_required", input_requests=requests or None)


def sent(server: FakeRest) -> list[Any]:
    return [seen.body["responses"] for seen in server.requests if seen.method == "POST"]


def accepted(**content: Any) -> Document:
    return {"action": "accept", "content": content}


def test_words_are_read_by_the_form(cli: CommandLine, server: FakeRest) -> None:
    asking(server, ASK)
    ran = cli("tasks", "answer", "deploy-1", "sure=true", "times=2", "where=live", "tags=a")
    assert ran == (0, "deploy-1 queued\n", "")
    assert sent(server) == [{"ask": accepted(sure=True, times=2, where="live", tags=["a"])}]


def test_one_can_agree_decline_and_have_json(cli: CommandLine, server: FakeRest) -> None:
    for flag, answer in (("--accept", accepted()), ("--decline", {"action": "decline"})):
        task = asking(server, AGREE)
        ran = cli("tasks", "answer", task["id"], flag, "--json")
        assert json.loads(ran.out)["id"] == task["id"]
        assert sent(server)[-1] == {"ask-1": answer}


def test_of_several_questions_one_is_chosen(cli: CommandLine, server: FakeRest) -> None:
    asking(server, ASK, AGREE)
    ran = cli("tasks", "answer", "deploy-1", "--accept")
    assert (ran.exit, sent(server)) == (2, [])
    assert "asks several things: ask, ask-1\nSay which one" in ran.err
    ran = cli("tasks", "answer", "deploy-1", "--question", "ask-2")
    assert (ran.exit, sent(server)) == (4, [])
    assert 'asks no "ask-2", but ask, ask-1' in ran.err
    assert cli("tasks", "answer", "deploy-1", "--accept", "--question", "ask-1").exit == 0
    assert cli("tasks", "answer", "deploy-1", "--decline").exit == 0
    declined = {"action": "decline"}
    assert sent(server) == [{"ask-1": accepted()}, {"ask": declined, "ask-1": declined}]


def test_a_task_that_asks_nothing_ends_with_5(cli: CommandLine, server: FakeRest) -> None:
    asking(server)
    ran = cli("tasks", "answer", "deploy-1", "--accept")
    assert (ran.exit, sent(server)) == (5, [])
    assert ran.err == "errandry: deploy-1 is input_required and asks nothing\n"


def test_without_words_and_without_a_terminal_nobody_can_answer(
    cli: CommandLine, server: FakeRest
) -> None:
    asking(server, ASK)
    ran = cli("tasks", "answer", "deploy-1")
    assert (ran.exit, sent(server)) == (2, [])
    assert "deploy-1 asks: Delete it?\\u001b[8m\nGive key=value, --accept" in ran.err


@pytest.mark.parametrize(("typed", "sure"), [("y", True), ("NO", False), ("perhaps", "perhaps")])
def test_a_person_is_asked_field_by_field(
    server: FakeRest, monkeypatch: pytest.MonkeyPatch, typed: str, sure: object
) -> None:
    asking(server, ASK, AGREE)
    with terminal(monkeypatch, f"{typed}\ntest\n\n\na\nyes\n") as screen:
        assert main(["tasks", "answer", "deploy-1"]) == 0
    assert sent(server) == [
        {"ask": accepted(sure=sure, where="test", tags=["a"]), "ask-1": accepted()}
    ]
    text = screen.text()
    assert "deploy-1 asks: Delete it?\\u001b[8m\n" in text
    assert "sure, Really, yes or no: " in text
    assert "Where to, one of test, live (may be left out): " in text
    assert "times [1]: " in text
    assert "how, one of fast (may be left out): " in text
    assert "tags, one of a (may be left out): " in text


def test_who_does_not_agree_declines(server: FakeRest, monkeypatch: pytest.MonkeyPatch) -> None:
    asking(server, AGREE)
    with terminal(monkeypatch, "no\n"):
        assert main(["tasks", "answer", "deploy-1"]) == 0
    assert sent(server) == [{"ask-1": {"action": "decline"}}]


def test_who_leaves_answers_nothing(server: FakeRest, monkeypatch: pytest.MonkeyPatch) -> None:
    asking(server, ASK)
    with terminal(monkeypatch, "\x04") as screen:
        assert main(["tasks", "answer", "deploy-1"]) == 2
    assert sent(server) == []
    assert "Nothing was answered; deploy-1 waits on" in screen.text()
