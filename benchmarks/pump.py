"""How long an MCP host waits for its first answer: `errandry mcp` against a bare SDK server.

Both are driven by the SDK's own client, in turns, on the same machine in the same run. The errandry
server runs already, as it does for every chat but the first; the bare one starts each time, as
servers without a pump do. Prints one JSON line; `ratio` below 1 means that the pump answers first.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Final

import anyio
import psutil
from _bench import errandry, rounds, tell
from mcp import Client, StdioServerParameters, stdio_client

ROUNDS: Final = 9
PUMP: Final = ("-m", "errandry", "mcp")
BARE: Final = """
import anyio, mcp.types as t
from mcp.server import Server
from mcp.server.stdio import stdio_server

async def list_tools(context, params):
    return t.ListToolsResult(tools=[t.Tool(name="list_tasks", input_schema={"type": "object"})])

async def call_tool(context, params):
    return t.CallToolResult(content=[t.TextContent(type="text", text="none")])

async def main():
    server = Server("bare", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

anyio.run(main)
"""
INITIALIZE: Final = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}


async def first_call_ms(arguments: tuple[str, ...], environment: Mapping[str, str]) -> float:
    """Measure from the start of a client to its first answered tools/call."""
    parameters = StdioServerParameters(
        command=sys.executable, args=list(arguments), env=dict(environment)
    )
    begun = time.perf_counter()
    async with Client(stdio_client(parameters)) as client:
        result = await client.call_tool("list_tasks", {})
        elapsed = time.perf_counter() - begun
    assert not result.is_error, result
    return elapsed * 1000


def pump_rss_bytes(environment: Mapping[str, str]) -> int:
    """Measure the resident memory of a pump that has carried a message each way."""
    with subprocess.Popen(
        [sys.executable, *PUMP], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as pump:
        assert pump.stdin
        assert pump.stdout
        pump.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        pump.stdin.flush()
        assert pump.stdout.readline()
        rss: int = psutil.Process(pump.pid).memory_info().rss
        return rss


async def main() -> None:
    """Measure in turns, after one round that does not count, and print the medians."""
    pump_ms, bare_ms = [], []
    with errandry(None) as server:
        environment = server.environment()
        for _ in range(len(rounds(ROUNDS)) + 1):
            pump_ms.append(await first_call_ms(PUMP, environment))
            bare_ms.append(await first_call_ms(("-c", BARE), environment))
        rss = pump_rss_bytes(environment)
    pump, bare = statistics.median(pump_ms[1:]), statistics.median(bare_ms[1:])
    tell("pump.first_call", ratio=pump / bare, pump_ms=pump, bare_ms=bare, pump_rss_bytes=rss)


if __name__ == "__main__":
    anyio.run(main)
