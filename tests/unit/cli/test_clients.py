"""The table of clients: where each keeps its servers."""

import sys
from pathlib import Path

import pytest

from errandry.cli.clients import CLIENTS

LINUX = {
    "claude-code": ".claude.json",
    "claude-desktop": ".config/Claude/claude_desktop_config.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
}
MACOS = {
    **LINUX,
    "claude-desktop": "Library/Application Support/Claude/claude_desktop_config.json",
    "vscode": "Library/Application Support/Code/User/mcp.json",
}


def places() -> dict[str, Path]:
    return {name: client.user() for name, client in CLIENTS.items()}


@pytest.mark.parametrize(("platform", "expected"), [("linux", LINUX), ("darwin", MACOS)])
def test_each_has_its_file_below_the_home_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, expected: dict[str, str]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert places() == {name: home / file for name, file in expected.items()}


@pytest.mark.parametrize(
    ("client", "variable", "file"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("claude-desktop", "XDG_CONFIG_HOME", "Claude/claude_desktop_config.json"),
        ("vscode", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
        ("codex", "CODEX_HOME", "config.toml"),
    ],
)
def test_a_variable_moves_it_and_a_relative_path_does_not(
    home: Path, monkeypatch: pytest.MonkeyPatch, client: str, variable: str, file: str
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv(variable, "/elsewhere")
    assert places() == {name: home / below for name, below in LINUX.items()} | {
        other: Path("/elsewhere", LINUX[other].partition("/")[2])
        for other in LINUX
        if variable == "XDG_CONFIG_HOME" and LINUX[other].startswith(".config/")
    } | {client: Path("/elsewhere", file)}
    monkeypatch.setenv(variable, "relative")
    assert places()[client] == home / LINUX[client]
