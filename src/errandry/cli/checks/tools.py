"""What the list of tools costs an agent, as the private socket serves it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from errandry import __version__
from errandry.cli.checks.finding import Finding, Ground
from errandry.commands.catalog import Catalog

_LIMIT_S: Final = 10
_BYTES_PER_TOKEN: Final = 4
_MANY_TOKENS: Final = 10_000
"""A twentieth of a context of 200,000 tokens, spent before the first question."""

_HELLO: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "errandry doctor", "version": __version__},
}


def check(ground: Ground) -> Iterator[Finding]:
    """Ask for the tools as a client does, and weigh the answer."""
    if (server := ground.server()) is None:
        yield Finding("ok", "tools", "not weighed: no server runs")
        return
    try:
        tools = _tools(server.socket)
    except (OSError, ValueError, KeyError, TypeError) as error:
        says = f"the private socket does not list them: {error}"
        yield Finding("fail", "tools", says, "Stop the server and start it again: errandry serve")
        return
    size = len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False).encode())
    tokens = size // _BYTES_PER_TOKEN
    commands = {command.name for command in Catalog(Path(server.commands_dir)).list()}
    own = sum(tool["name"] in commands for tool in tools)
    says = f"{len(tools)} tools, {own} of them commands, about {tokens} tokens"
    if tokens > _MANY_TOKENS:
        step = "Say `expose: generic` in commands that need no tool of their own."
        yield Finding("warn", "tools", says, step)
    else:
        yield Finding("ok", "tools", says)


def _tools(path: str) -> list[dict[str, Any]]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_LIMIT_S)
        connection.connect(path)
        with connection.makefile("rwb") as stream:
            for message in (
                {"id": 1, "method": "initialize", "params": _HELLO},
                {"method": "notifications/initialized"},
                {"id": 2, "method": "tools/list"},
            ):
                stream.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            stream.flush()
            for line in stream:
                answer = json.loads(line)
                if isinstance(answer, dict) and answer.get("id") == 2:
                    return list(answer["result"]["tools"])
    raise ValueError("it closed the connection")
