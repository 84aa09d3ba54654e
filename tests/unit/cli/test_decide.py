"""``errandry tasks approve|reject``."""

import json
from pathlib import Path

import pytest

from errandry.auth.keys import local_secret
from errandry.auth.mint import mint
from errandry.cli.main import main
from support import documents
from support.commandline import CommandLine
from support.documents import DIGEST, Document
from support.fake_rest import FakeRest
from support.terminals import terminal


@pytest.fixture
def task(server: FakeRest) -> Document:
    server.commands = {"deploy": documents.command("deploy", description="Puts it live.")}
    return server.add("deploy", state="awaiting_approval", arguments={"to": "prod\u202e\x1b[8m"})


@pytest.fixture
def boss(data_dir: Path) -> str:
    return mint(local_secret(data_dir), "boss", ["tasks:read", "tasks:approve"], 60)


def decisions(server: FakeRest) -> list[tuple[str, object]]:
    return [(seen.path, seen.body) for seen in server.requests if seen.method == "POST"]


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_without_a_terminal_nobody_can_decide_as_the_operator(
    cli: CommandLine, server: FakeRest, task: Document, verb: str
) -> None:
    ran = cli("tasks", verb, "deploy-1")
    assert (ran.exit, ran.out, server.requests) == (3, "", [])
    assert "give --token of another principal" in ran.err


@pytest.mark.parametrize(("verb", "state"), [("approve", "queued"), ("reject", "failed")])
def test_a_person_who_types_yes_decides_on_the_digest_that_was_shown(
    server: FakeRest, task: Document, monkeypatch: pytest.MonkeyPatch, verb: str, state: str
) -> None:
    with terminal(monkeypatch, "yes\n") as screen:
        assert main(["tasks", verb, "deploy-1", "--reason", "looked"]) == 0
    assert decisions(server) == [
        (f"/tasks/{task['id']}/{verb}", {"digest": DIGEST, "reason": "looked"})
    ]
    assert screen.text().endswith(f"deploy-1 {state}\n")


def test_the_person_sees_who_asks_for_what_with_nothing_hidden(
    server: FakeRest, task: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(monkeypatch, "yes\n") as screen:
        main(["tasks", "approve", "deploy-1"])
    text = screen.text()
    assert "deploy-1 was asked for by agent" in text
    assert DIGEST in text
    assert '"to": "prod\\u202e\\u001b[8m"' in text
    assert "Puts it live." in text
    assert '"argv"' in text


@pytest.mark.parametrize("typed", ["no\n", "\n", "y\n", "\x04"])
def test_any_other_answer_decides_nothing(
    server: FakeRest, task: Document, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    with terminal(monkeypatch, typed) as screen:
        assert main(["tasks", "approve", "deploy-1"]) == 3
    assert decisions(server) == []
    assert "Nothing was decided; deploy-1 waits on" in screen.text()


@pytest.mark.parametrize(
    "commands", [{}, {"deploy": documents.command("deploy", digest="sha256:new")}]
)
def test_a_person_is_told_when_the_command_is_another_now(
    server: FakeRest, task: Document, monkeypatch: pytest.MonkeyPatch, commands: dict[str, Document]
) -> None:
    server.commands = commands
    with terminal(monkeypatch, "no\n") as screen:
        main(["tasks", "approve", "deploy-1"])
    assert "The command has changed since" in screen.text()


def test_nobody_is_asked_about_a_command_that_cannot_be_shown(
    server: FakeRest, task: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.lose("GET", "/commands/deploy")
    with terminal(monkeypatch, "yes\n"):
        assert main(["tasks", "approve", "deploy-1"]) == 6
    assert decisions(server) == []


def test_another_principal_decides_with_a_token_and_is_not_asked(
    cli: CommandLine, server: FakeRest, task: Document, boss: str
) -> None:
    ran = cli("tasks", "approve", "deploy-1", "--token", boss)
    assert ran == (0, "deploy-1 queued\n", "")
    assert {seen.sub for seen in server.requests} == {"boss"}
    assert decisions(server) == [(f"/tasks/{task['id']}/approve", {"digest": DIGEST})]


def test_json_is_the_task(cli: CommandLine, task: Document, boss: str) -> None:
    ran = cli("tasks", "reject", "deploy-1", "--token", boss, "--json")
    assert json.loads(ran.out)["state"] == "failed"


def test_a_task_that_waits_for_nobody_ends_with_5(
    cli: CommandLine, server: FakeRest, boss: str
) -> None:
    server.add("deploy")
    ran = cli("tasks", "approve", "deploy-1", "--token", boss)
    assert (ran.exit, decisions(server)) == (5, [])
    assert ran.err == "errandry: deploy-1 is queued and waits for no approval\n"
