"""The check of the clients' configurations."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from errandry.cli.checks import clients
from errandry.cli.checks.finding import Finding, Ground
from errandry.cli.datalock import DataLock
from errandry.place import ServerFile
from support.findings import look


@pytest.fixture(autouse=True)
def home(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "home"
    monkeypatch.setenv("HOME", str(path))
    (path / ".cursor").mkdir(parents=True)
    return path


@pytest.fixture
def commands(folder: Path) -> Path:
    path = folder / "commands"
    path.mkdir()
    return path


@pytest.fixture
def serving(folder: Path, commands: Path) -> Iterator[None]:
    """A server that holds the data folder and serves its commands."""
    lock = DataLock(folder)
    ServerFile("http://127.0.0.1:1", "/nowhere", 1, "0", str(commands)).write(folder)
    yield
    lock.close()


def cursor(home: Path, ground: Ground, entry: Any) -> Finding:
    """What is found when Cursor has this entry."""
    (home / ".cursor/mcp.json").write_text(json.dumps({"mcpServers": {"errandry": entry}}))
    return look(clients.check, ground)["client cursor"]


def test_without_any_the_next_step_is_to_install(ground: Ground, home: Path) -> None:
    (home / ".cursor/mcp.json").write_text('{"mcpServers": {"other": {}}}')
    found = look(clients.check, ground)
    assert found["clients"].level == "warn"
    assert "errandry install --client " in str(found["clients"].next_step)


def test_an_entry_that_would_work_is_good(
    ground: Ground, home: Path, commands: Path, serving: None
) -> None:
    env = {"ERRANDRY_COMMANDS_DIR": str(commands)}
    found = cursor(home, ground, {"command": "/bin/sh", "env": env})
    assert found.level == "ok"
    assert found.says == f"{home / '.cursor/mcp.json'} starts /bin/sh"


def test_a_file_of_the_project_is_looked_at_too(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"errandry": {"command": "/bin/sh"}}}')
    assert look(clients.check, ground)["client claude-code"].level == "ok"
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"errandry": {"command": "/gone"}}}')
    found = look(clients.check, ground)["client claude-code"]
    assert found.next_step == "errandry install --client claude-code --project"


def test_an_address_starts_nothing(ground: Ground, home: Path) -> None:
    found = cursor(home, ground, {"url": "http://127.0.0.1:8000/mcp"})
    assert (found.level, "has an address" in found.says) == ("ok", True)


@pytest.mark.parametrize(
    ("entry", "says", "step"),
    [
        (7, "the entry is no object", "errandry install --client cursor"),
        ({"command": "/gone"}, "there is no program /gone", "errandry install --client cursor"),
        (
            {"command": "/bin/sh", "env": {"ERRANDRY_COMMANDS_DIR": "/gone"}},
            "there is no folder of commands /gone",
            "errandry init /gone",
        ),
    ],
)
def test_an_entry_that_cannot_work_fails(
    ground: Ground, home: Path, entry: Any, says: str, step: str
) -> None:
    found = cursor(home, ground, entry)
    assert (found.level, found.next_step) == ("fail", step)
    assert found.says == f"{home / '.cursor/mcp.json'}: {says}"


def test_an_entry_that_the_server_would_refuse_fails(
    ground: Ground, home: Path, tmp_path: Path, serving: None
) -> None:
    env = {"ERRANDRY_COMMANDS_DIR": str(tmp_path)}
    found = cursor(home, ground, {"command": "/bin/sh", "env": env})
    assert (found.level, "the server has those in" in found.says) == ("fail", True)


@pytest.mark.parametrize("more", [{}, {"ERRANDRY_DATA_DIR": "/another"}])
def test_commands_of_another_folder_are_its_own_affair(
    ground: Ground, home: Path, tmp_path: Path, more: dict[str, str], request: pytest.FixtureRequest
) -> None:
    if more:
        request.getfixturevalue("serving")
    env = {"ERRANDRY_COMMANDS_DIR": str(tmp_path), **more}
    assert cursor(home, ground, {"command": "/bin/sh", "env": env}).level == "ok"


def test_a_file_that_cannot_be_read_is_warned(ground: Ground, home: Path) -> None:
    (home / ".cursor/mcp.json").write_text("{")
    found = look(clients.check, ground)["client cursor"]
    assert (found.level, "it is no JSON" in found.says) == ("warn", True)
