"""The MCP Inspector, on each road and in each era; `--strict` refuses schemas that some host cannot take."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from support.node import Node
from support.server import MODULE, Document, Server

ROADS: Final = ["legacy", "modern", "sse", "stdio"]
"""Streamable HTTP in both eras, the old transport, and `errandry mcp`."""

Inspect = Callable[..., Document]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module", params=ROADS)
def inspect(request: pytest.FixtureRequest, node: Node, server: Server) -> Inspect:
    """Ask the server something by one road; the answer is what the protocol says."""
    target = _target(request.param, node, server)

    def ask(method: str, *arguments: str) -> Document:
        done = _inspector(node, *target, "--method", method, *arguments, "--format", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        answer: Document = json.loads(done.stdout)["result"]
        return answer

    return ask


def _target(road: str, node: Node, server: Server) -> list[str]:
    token = ["--header", f"Authorization: Bearer {server.token()}"]
    if road == "sse":
        return [f"{server.url}/sse", "--transport", "sse", *token]
    if road != "stdio":
        return [f"{server.url}/mcp", "--transport", "http", *token, "--protocol-era", road]
    entry = {"command": sys.executable, "args": [*MODULE, "mcp"], "env": server.environment()}
    config = node.home / "servers.json"
    config.write_text(json.dumps({"mcpServers": {"errandry": entry}}))
    return ["--config", str(config), "--server", "errandry"]


def _inspector(node: Node, *arguments: str) -> "subprocess.CompletedProcess[str]":
    script = Path("@modelcontextprotocol/inspector/clients/launcher/build/index.js")
    return node.run(script, "--cli", *arguments, MCP_INSPECTOR_SECRET_STORE="memory")


def test_tools_pass_its_strict_rules(inspect: Inspect) -> None:
    tools = inspect("tools/list", "--strict")["tools"]
    names = {tool["name"] for tool in tools}
    assert {"run_command", "wait_for_tasks", "greet", "typed", "blocks"} <= names


def test_a_call_comes_back(inspect: Inspect) -> None:
    answer = inspect("tools/call", "--tool-name", "greet", "--tool-arg", "a=you")
    assert answer["structuredContent"] == {"greeting": "Hello, you!"}


def test_the_other_lists_come_back(inspect: Inspect) -> None:
    commands = {resource["uri"] for resource in inspect("resources/list")["resources"]}
    assert "command://greet" in commands
    templates = inspect("resources/templates/list")["resourceTemplates"]
    assert "command://{name}" in {template["uriTemplate"] for template in templates}
    prompts = {prompt["name"] for prompt in inspect("prompts/list")["prompts"]}
    assert {"diagnose-failed-task", "new-command"} <= prompts


def test_a_resource_is_read(inspect: Inspect) -> None:
    (content,) = inspect("resources/read", "--uri", "command://greet")["contents"]
    assert json.loads(content["text"])["title"] == "Greet someone"
