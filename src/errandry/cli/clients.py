"""The MCP clients that errandry can write itself into: where each keeps its servers, and in what form.

Imports next to nothing: the parser lists the names.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

NAME: Final = "errandry"
"""What our entry is called in every client."""


class Client(NamedTuple):
    """One client.

    user: where its configuration lies. project: the same below a project, if it reads one there.
    section: the table of servers. says_type: an entry names its transport. takes_comments: it reads
    JSON with comments.
    """

    title: str
    user: Callable[[], Path]
    project: str | None
    section: str
    form: Literal["json", "toml"] = "json"
    says_type: bool = False
    takes_comments: bool = False

    def entry(self, program: str, environment: Mapping[str, str]) -> dict[str, Any]:
        """Return our entry, in the shape that the client documents for a local server."""
        kind = {"type": "stdio"} if self.says_type else {}
        return {**kind, "command": program, "args": ["mcp"], "env": dict(environment)}


def _home(*names: str) -> Path:
    return Path.home().joinpath(*names)


def _application(*names: str) -> Path:
    """Where desktop programs keep their settings."""
    if sys.platform == "darwin":
        return _home("Library", "Application Support", *names)
    return _named("XDG_CONFIG_HOME", _home(".config")).joinpath(*names)


def _named(variable: str, default: Path) -> Path:
    folder = os.environ.get(variable) or ""
    return Path(folder) if Path(folder).is_absolute() else default


CLIENTS: Final[Mapping[str, Client]] = {
    "claude-code": Client(
        "Claude Code",
        lambda: _named("CLAUDE_CONFIG_DIR", _home()) / ".claude.json",
        ".mcp.json",
        "mcpServers",
        says_type=True,
    ),
    "claude-desktop": Client(
        "Claude Desktop",
        lambda: _application("Claude", "claude_desktop_config.json"),
        None,
        "mcpServers",
    ),
    "cursor": Client(
        "Cursor",
        lambda: _home(".cursor", "mcp.json"),
        ".cursor/mcp.json",
        "mcpServers",
        takes_comments=True,
    ),
    "vscode": Client(
        "VS Code",
        lambda: _application("Code", "User", "mcp.json"),
        ".vscode/mcp.json",
        "servers",
        says_type=True,
        takes_comments=True,
    ),
    "codex": Client(
        "Codex",
        lambda: _named("CODEX_HOME", _home(".codex")) / "config.toml",
        None,
        "mcp_servers",
        form="toml",
    ),
    "gemini": Client(
        "Gemini CLI",
        lambda: _home(".gemini", "settings.json"),
        ".gemini/settings.json",
        "mcpServers",
        takes_comments=True,
    ),
}
