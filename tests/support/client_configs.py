"""The shapes of the clients' files, as their vendors document them for a local server."""

import json
import tomllib
from pathlib import Path
from typing import Any, Final

TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
ABSOLUTE: Final = {"type": "string", "pattern": "^/"}


def _server(**more: Any) -> dict[str, Any]:
    properties = {
        "command": ABSOLUTE,
        "args": {"type": "array", "items": {"type": "string"}},
        "env": TEXTS,
        **more,
    }
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def _file(section: str, server: dict[str, Any]) -> dict[str, Any]:
    servers = {"type": "object", "properties": {"errandry": server}, "required": ["errandry"]}
    return {"type": "object", "properties": {section: servers}, "required": [section]}


_STDIO: Final = {"type": {"const": "stdio"}}
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "claude-code": _file("mcpServers", _server(**_STDIO)),
    "claude-desktop": _file("mcpServers", _server()),
    "cursor": _file("mcpServers", _server()),
    "vscode": _file("servers", _server(**_STDIO)),
    "codex": _file("mcp_servers", _server()),
    "gemini": _file("mcpServers", _server()),
}


def read(path: Path) -> dict[str, Any]:
    """Parse a file as its client does."""
    text = path.read_text(encoding="utf-8")
    document: dict[str, Any] = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    return document
