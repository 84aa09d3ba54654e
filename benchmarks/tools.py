"""How many MCP requests a server answers per second, in the modern era of the protocol.

Raw requests over one connection: `tools/list` and a look at a task against a bare SDK server with an
echo, and a command run inline, from the call to its result, against a bare tool that starts the same
program with asyncio. In turns; ratios of rates: higher is better.
"""

from typing import Final

from _bench import Target, compare_rates, errandry, process
from _load import load, request

from support.rest_client import calling
from support.server import Document

PROGRAM: Final = "true"
PREFIX: Final = "io.modelcontextprotocol/"
META: Final = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": {}}
NOTHING: Final[Document] = {
    "name": "nothing",
    "description": "Does nothing.",
    "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    "run": {"process": {"argv": [PROGRAM]}},
}


def message(method: str, token: str | None = None, **params: object) -> str:
    """Return a request of the modern era."""
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
    }
    if "name" in params:
        headers["Mcp-Name"] = str(params["name"])
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": META, **params}}
    return request("POST", "/mcp", body, **headers)


def call(name: str, token: str | None = None, **arguments: object) -> str:
    """Return a call of a tool."""
    return message("tools/call", token, name=name, arguments=arguments)


def main() -> None:
    """Measure and print."""
    with load() as asking, errandry(None, NOTHING) as server, process("_bare_tools.py") as port:
        token = server.token()
        with calling(server, "agent") as client:
            task_id = client.start("nothing")["id"]
            client.wait(task_id, "succeeded")
        pairs = {
            "list": (message("tools/list", token), message("tools/list")),
            "get_task": (call("get_task", token, task=task_id), call("echo", text=task_id)),
            "run_command": (
                call("run_command", token, command="nothing", arguments={}),
                call("run", text=PROGRAM),
            ),
        }
        for name, (own, other) in pairs.items():
            compare_rates(
                asking, f"tools.{name}", Target(server.port, [own]), Target(port, [other])
            )


if __name__ == "__main__":
    main()
