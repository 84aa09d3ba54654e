"""``errandry install`` and ``errandry uninstall``."""

import json
import os
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from errandry.cli import clientconfig
from errandry.cli.clients import CLIENTS
from errandry.cli.exits import Refusal
from errandry.place import ServerFile
from support.client_configs import SCHEMAS, read
from support.commandline import CommandLine

PROJECTS = {name: client.project for name, client in CLIENTS.items() if client.project}
OTHERS: dict[str, str] = {
    "claude-code": '{"numStartups": 7, "mcpServers": {"b": {"command": "b"}}, "projects": {"/x": {}}}\n',
    "claude-desktop": '{\n  "mcpServers": {"b": {"command": "b"}},\n  "theme": "dark"\n}\n',
    "cursor": '{\n\t"mcpServers": {\n\t\t"b": {"url": "http://b//c"}\n\t}\n}',
    "vscode": '{\n  // mine\n  "servers": {"b": {"type": "http"},},\n  "inputs": []\n}\n',
    "codex": "model = 'x'\n\n[mcp_servers.b]\ncommand = 'b'\n",
    "gemini": '{"ui": {"theme": "x"}, "mcpServers": {"b": {"command": "b"}}}',
}


@pytest.fixture(autouse=True)
def place(home: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a program and a folder of commands that exists."""
    commands = home / "commands"
    commands.mkdir()
    monkeypatch.setenv("ERRANDRY_COMMANDS_DIR", str(commands))
    return commands


def backups(file: Path) -> list[Path]:
    return sorted(file.parent.glob(f"{file.name}.*Z.bak"))


def write(client: str, text: str) -> Path:
    path = CLIENTS[client].user()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# -- what is written


@pytest.mark.parametrize("client", CLIENTS)
def test_it_writes_what_the_client_documents(
    cli: CommandLine, client: str, program: Path, place: Path, data_dir: Path
) -> None:
    path = CLIENTS[client].user()
    ran = cli("install", "--client", client)
    assert (ran.exit, ran.out) == (0, f"added errandry to {path}\n")
    assert CLIENTS[client].title in ran.err
    document = read(path)
    jsonschema_rs.validate(SCHEMAS[client], document)
    entry = document[CLIENTS[client].section]["errandry"]
    assert (entry["command"], entry["args"]) == (str(program), ["mcp"])
    assert entry["env"] == {
        "ERRANDRY_COMMANDS_DIR": str(place),
        "ERRANDRY_DATA_DIR": str(data_dir),
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir() if not entry.is_dir()] == [path.name]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_second_time_nothing_changes_and_it_says_so(cli: CommandLine, client: str) -> None:
    path = write(client, OTHERS[client])
    cli("install", "--client", client)
    written, stamp = path.read_bytes(), path.stat().st_mtime_ns
    ran = cli("install", "--client", client)
    assert ran == (0, f"nothing to change: {path} has errandry as it should be\n", "")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (written, stamp)
    assert len(backups(path)) == 1


@pytest.mark.parametrize("client", CLIENTS)
def test_uninstall_restores_the_file_to_the_last_byte(cli: CommandLine, client: str) -> None:
    path = write(client, OTHERS[client])
    path.chmod(0o640)
    ran = cli("install", "--client", client)
    (backup,) = backups(path)
    assert ran.out == f"added errandry to {path}\nkept what was there as {backup}\n"
    assert (backup.read_text(), backup.stat().st_mode & 0o777) == (OTHERS[client], 0o640)
    assert path.read_text() != OTHERS[client]
    ran = cli("uninstall", "--client", client)
    assert (ran.exit, ran.out.splitlines()[0]) == (0, f"removed errandry from {path}")
    assert path.read_text() == OTHERS[client]
    assert (len(backups(path)), path.stat().st_mode & 0o777) == (2, 0o640)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_file_that_held_nothing_else_goes_with_it(cli: CommandLine, client: str) -> None:
    cli("install", "--client", client)
    assert cli("uninstall", "--client", client).exit == 0
    path = CLIENTS[client].user()
    assert (path.exists(), len(backups(path))) == (False, 1)
    assert cli("uninstall", "--client", client) == (
        0,
        f"nothing to change: {path} has no errandry\n",
        "",
    )


def test_what_a_person_added_to_the_entry_stays(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    path = write(
        "codex",
        "[mcp_servers.errandry]\ncommand = 'old'\nstartup_timeout_sec = 20\n"
        "[mcp_servers.errandry.env]\nERRANDRY_DATA_DIR = '/old'\nTZ = 'UTC'\n",
    )
    monkeypatch.delenv("ERRANDRY_DATA_DIR")
    assert cli("install", "--client", "codex").out.startswith(f"replaced errandry in {path}\n")
    entry = tomllib.loads(path.read_text())["mcp_servers"]["errandry"]
    assert entry["startup_timeout_sec"] == 20
    assert entry["env"] == {"ERRANDRY_COMMANDS_DIR": str(place), "TZ": "UTC"}


@pytest.mark.parametrize("old", ['{"url": "http://a/mcp"}', "7", '{"command": "x", "env": 3}'])
def test_an_entry_of_another_kind_is_replaced(cli: CommandLine, old: str) -> None:
    path = write("cursor", f'{{"mcpServers": {{"errandry": {old}}}}}')
    cli("install", "--client", "cursor")
    jsonschema_rs.validate(SCHEMAS["cursor"], read(path))


def test_without_variables_only_the_commands_are_named(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    for name in ("ERRANDRY_DATA_DIR", "ERRANDRY_COMMANDS_DIR"):
        monkeypatch.delenv(name)
    (tmp_path / "commands").mkdir()
    cli("install", "--client", "gemini")
    env = read(home / ".gemini/settings.json")["mcpServers"]["errandry"]["env"]
    assert env == {"ERRANDRY_COMMANDS_DIR": str(tmp_path / "commands")}


def test_the_commands_are_those_of_the_server_that_runs(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, home: Path, data_dir: Path
) -> None:
    monkeypatch.delenv("ERRANDRY_COMMANDS_DIR")
    ServerFile("http://127.0.0.1:1", "/nowhere", 1, "0", "/served").write(data_dir)
    ran = cli("install", "--client", "gemini")
    env = read(home / ".gemini/settings.json")["mcpServers"]["errandry"]["env"]
    assert env["ERRANDRY_COMMANDS_DIR"] == "/served"
    assert "errandry init /served" in ran.err


# -- where it is written


@pytest.mark.parametrize("client", PROJECTS)
def test_a_project_has_a_file_of_its_own(cli: CommandLine, client: str, tmp_path: Path) -> None:
    path = tmp_path / PROJECTS[client]
    assert cli("install", "--client", client, "--project").exit == 0
    jsonschema_rs.validate(SCHEMAS[client], read(path))
    assert not CLIENTS[client].user().exists()
    cli("uninstall", "--client", client, "--project")
    assert not path.exists()


@pytest.mark.parametrize("client", sorted(CLIENTS.keys() - PROJECTS.keys()))
def test_a_client_without_such_a_file_says_so(cli: CommandLine, client: str) -> None:
    ran = cli("install", "--client", client, "--project")
    assert (ran.exit, ran.out) == (2, "")
    assert "has no file for one project\nLeave --project out" in ran.err


def test_another_file_can_be_named(cli: CommandLine, home: Path) -> None:
    assert cli("install", "--client", "cursor", "--path", "~/new/mine.json").exit == 0
    jsonschema_rs.validate(SCHEMAS["cursor"], read(home / "new" / "mine.json"))
    assert cli("install", "--client", "cursor", "--path", "x", "--project").exit == 2


def test_a_link_stays_one(cli: CommandLine, home: Path) -> None:
    real = home / "dotfiles.json"
    real.write_text("{}")
    link = home / ".claude.json"
    link.symlink_to(real)
    cli("install", "--client", "claude-code")
    assert link.is_symlink()
    jsonschema_rs.validate(SCHEMAS["claude-code"], read(real))


@pytest.mark.parametrize("client", CLIENTS)
def test_print_shows_it_and_writes_nothing(cli: CommandLine, client: str, home: Path) -> None:
    before = sorted(home.rglob("*"))
    ran = cli("install", "--client", client, "--print")
    path = CLIENTS[client].user()
    assert (ran.exit, ran.err) == (0, f"This would go into {path}:\n")
    document = tomllib.loads(ran.out) if client == "codex" else json.loads(ran.out)
    jsonschema_rs.validate(SCHEMAS[client], document)
    assert sorted(home.rglob("*")) == before
    told = json.loads(cli("install", "--client", client, "--print", "--json").out)
    assert told == {"path": str(path), "write": document}


def test_with_json_it_is_one_object(cli: CommandLine) -> None:
    path = write("cursor", "{}")
    told: dict[str, Any] = json.loads(cli("install", "--client", "cursor", "--json").out)
    (backup,) = backups(path)
    assert told == {
        "client": "cursor",
        "path": str(path),
        "action": "added",
        "backup": str(backup),
    }
    told = json.loads(cli("install", "--client", "cursor", "--json").out)
    assert (told["action"], told["backup"]) == ("unchanged", None)


# -- what is refused, and left alone


@pytest.mark.parametrize(
    ("client", "text", "reason"),
    [
        ("cursor", '{"mcpServers": ', "it is no JSON: "),
        ("cursor", "[]", "it is no object"),
        ("cursor", '{"mcpServers": []}', "mcpServers is no object"),
        (
            "claude-desktop",
            '{"a": 1} // b',
            "it has comments or trailing commas, and Claude Desktop",
        ),
        (
            "claude-code",
            '{"a": 1,}',
            "it has comments or trailing commas, and Claude Code reads plain",
        ),
        ("codex", "a = \n", "it is no TOML: "),
        ("codex", "mcp_servers = {b = {}}", "the way it is written leaves no safe place"),
        ("codex", 'a = """\n[mcp_servers.errandry]\n"""', "the way it is written leaves no safe"),
    ],
)
def test_what_it_cannot_change_safely_stays_as_it_is(
    cli: CommandLine, client: str, text: str, reason: str
) -> None:
    path = write(client, text)
    ran = cli("install", "--client", client)
    assert (ran.exit, ran.out, path.read_text(), backups(path)) == (2, "", text, [])
    assert ran.err.startswith(f"errandry: {path} stays as it is: {reason}")
    assert "--print shows the entry" in ran.err
    assert cli("install", "--client", client, "--print").exit == 0


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ("vscode", '{"servers": {"errandry": {} /* x */, "b": {}}}'),
        ("cursor", '{"mcpServers": {"errandry": {}, "b": {}, "errandry": {}}}'),
        ("codex", "[mcp_servers]\nerrandry = {command = 'x'}\n"),
    ],
)
def test_what_it_cannot_take_out_safely_stays_as_it_is(
    cli: CommandLine, client: str, text: str
) -> None:
    path = write(client, text)
    assert cli("uninstall", "--client", client).exit == 2
    assert (path.read_text(), backups(path)) == (text, [])


def test_text_in_another_encoding_is_refused(cli: CommandLine) -> None:
    path = write("cursor", "")
    path.write_bytes('{"a": "ü"}'.encode("latin-1"))
    assert "it is no JSON" in cli("install", "--client", "cursor").err


def test_a_file_that_changed_meanwhile_is_left_alone(home: Path) -> None:
    path = write("cursor", "{}")
    config = clientconfig.ClientConfig(CLIENTS["cursor"], path)
    path.write_text('{"new": 1}')
    with pytest.raises(Refusal, match="has just been changed; try again"):
        config.put({"command": "x"})
    assert path.read_text() == '{"new": 1}'


def test_a_folder_in_the_place_of_the_file_is_told(cli: CommandLine, home: Path) -> None:
    (home / ".claude.json").mkdir()
    ran = cli("install", "--client", "claude-code")
    assert (ran.exit, ran.out) == (2, "")
    assert ran.err == f"errandry: Cannot read {home / '.claude.json'}: Is a directory\n"


def test_a_folder_that_cannot_be_made_is_told(cli: CommandLine, home: Path) -> None:
    (home / "file").touch()
    ran = cli("install", "--client", "cursor", "--path", str(home / "file" / "mcp.json"))
    assert (ran.exit, ran.out) == (2, "")
    assert "mcp.json: " in ran.err


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("cursor", "{}")
    config = clientconfig.ClientConfig(CLIENTS["cursor"], path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Refusal, match="No space left on device"):
        config.put({"command": "x"})
    assert path.read_text() == "{}"
    assert sorted(path.parent.iterdir()) == [path, *backups(path)]


# -- the program


def test_a_program_reached_through_a_link_is_named_by_the_link(
    cli: CommandLine, program: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = home / "errandry"
    link.symlink_to(program)
    monkeypatch.setattr(sys, "argv", [str(link)])
    cli("install", "--client", "cursor")
    assert read(home / ".cursor/mcp.json")["mcpServers"]["errandry"]["command"] == str(link)


def test_started_as_a_module_it_names_the_installed_program(
    cli: CommandLine, program: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/__main__.py"])
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(program.parent))
    cli("install", "--client", "cursor")
    assert read(home / ".cursor/mcp.json")["mcpServers"]["errandry"]["command"] == str(program)


def test_without_a_program_there_is_nothing_to_write(
    cli: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sysconfig, "get_path", lambda _: "/nowhere")
    ran = cli("install", "--client", "cursor")
    assert (ran.exit, ran.out) == (4, "")
    assert ran.err.startswith("errandry: There is no program errandry in /nowhere")
    assert not (home / ".cursor").exists()
