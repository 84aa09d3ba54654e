"""``errandry commands list|show|validate``."""

import json
from pathlib import Path

import pytest

from support import documents
from support.commandline import CommandLine
from support.fake_rest import FakeRest

GOOD = "name: hello\ndescription: Says hello.\nrun:\n  process: {argv: [echo, hello]}\n"
BROKEN = "name: broken\nrun:\n  process: {argv: [\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "commands"
    folder.mkdir()
    (folder / "hello.yaml").write_text(GOOD)
    return folder


def test_list_shows_what_each_command_takes(cli: CommandLine, server: FakeRest) -> None:
    parameters = {
        "type": "object",
        "properties": {"path": {}, "depth": {}},
        "required": ["path"],
    }
    server.commands = {
        "du": documents.command("du", parameters=parameters),
        "deploy": documents.command("deploy", approval={"when": {}, "by": "tasks:approve"}),
    }
    assert cli("commands", "list").out.splitlines() == [
        "name\tparameters\tapproval\tdescription",
        "du\tpath [depth]\tnever\tDoes du.",
        "deploy\t\tsometimes\tDoes deploy.",
    ]


def test_list_sends_what_is_asked_for(cli: CommandLine, server: FakeRest) -> None:
    cli("commands", "list", "--query", "disk", "--tag", "ops")
    assert server.requests[0].query == {"query": ["disk"], "tag": ["ops"]}


def test_list_as_json_is_one_command_a_line(cli: CommandLine, server: FakeRest) -> None:
    server.commands = {name: documents.command(name) for name in ("a", "b")}
    lines = cli("commands", "list", "--json").out.splitlines()
    assert [json.loads(line) for line in lines] == list(server.commands.values())


def test_list_tells_of_broken_files_on_stderr(cli: CommandLine, server: FakeRest) -> None:
    server.faults = [{"file": "a.yaml", "line": 3, "message": "no run"}]
    ran = cli("commands", "list", "--json")
    assert ran == (0, "", "a.yaml:3: no run\n")


def test_show_tells_what_says_something(cli: CommandLine, server: FakeRest) -> None:
    server.commands = {"du": documents.command("du", tags=["ops"])}
    out = cli("commands", "show", "du").out
    assert out.startswith("du\n  description  Does du.\n")
    assert '"argv": [\n' in out
    assert "title" not in out


def test_show_as_json_is_the_command(cli: CommandLine, server: FakeRest) -> None:
    server.commands = {"du": documents.command("du")}
    assert json.loads(cli("commands", "show", "du", "--json").out) == server.commands["du"]


def test_validate_needs_no_server(cli: CommandLine, folder: Path) -> None:
    assert cli("commands", "validate", str(folder)) == (0, "", f"No faults in {folder}\n")


def test_validate_reads_the_folder_that_a_server_would(cli: CommandLine, folder: Path) -> None:
    assert cli("commands", "validate") == (0, "", f"No faults in {folder}\n")


def test_validate_tells_each_fault_with_its_place(cli: CommandLine, folder: Path) -> None:
    (folder / "broken.yaml").write_text(BROKEN)
    ran = cli("commands", "validate", "commands")
    assert ran.exit == 2
    assert ran.out.startswith("commands/broken.yaml:")
    assert int(ran.out.split(":")[1]) in (3, 4)


def test_validate_tells_faults_as_json(cli: CommandLine, folder: Path) -> None:
    (folder / "broken.yaml").write_text(BROKEN)
    ran = cli("commands", "validate", "--json")
    assert ran.exit == 2
    assert json.loads(ran.out.splitlines()[0])["file"] == "broken.yaml"


def test_validate_of_no_folder_ends_with_2(cli: CommandLine) -> None:
    ran = cli("commands", "validate", "nowhere")
    assert ran == (
        2,
        "",
        "errandry: There is no folder nowhere\nMake one with starters in it: errandry init\n",
    )
