"""How long an MCP host waits for its first answer: `errandry mcp` against a bare SDK server.

Both are driven by the SDK's own client, in turns, on the same machine in the same run. The errandry
server runs already, as it does for every chat but the first; the bare one starts each time, as
servers without a pump do. Prints one JSON line; `ratio` below 1 means that the pump answers first.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio
import psutil
from mcp import Client, StdioServerParameters, stdio_client

ROUNDS: Final = 9
START_LIMIT_S: Final = 60
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


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def errandry_server() -> Iterator[dict[str, str]]:
    """Run `errandry serve` on a folder of its own; yield the environment of its clients."""
    with tempfile.TemporaryDirectory() as folder:
        data, commands = Path(folder, "data"), Path(folder, "commands")
        commands.mkdir()
        plain = {name: value for name, value in os.environ.items() if "ERRANDRY_" not in name}
        environment = {
            **plain,
            "ERRANDRY_DATA_DIR": str(data),
            "ERRANDRY_COMMANDS_DIR": str(commands),
            "ERRANDRY_PORT": str(free_port()),
        }
        log_path = Path(folder, "log")
        with log_path.open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "errandry", "serve"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_for(data, server, log_path)
            yield environment
        finally:
            server.terminate()
            server.wait(START_LIMIT_S)


def wait_for(data: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server has told where it is, which it does when it listens."""
    deadline = time.monotonic() + START_LIMIT_S
    while not (data / "server.json").exists():
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"errandry serve did not start:\n{log.read_text()}")
        time.sleep(0.05)


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
    with errandry_server() as environment:
        for _ in range(ROUNDS + 1):
            pump_ms.append(await first_call_ms(PUMP, environment))
            bare_ms.append(await first_call_ms(("-c", BARE), environment))
        rss = pump_rss_bytes(environment)
    pump, bare = statistics.median(pump_ms[1:]), statistics.median(bare_ms[1:])
    line = {
        "bench": "pump.first_call",
        "ratio": round(pump / bare, 3),
        "pump_ms": round(pump, 1),
        "bare_ms": round(bare, 1),
        "pump_rss_bytes": rss,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    anyio.run(main)
