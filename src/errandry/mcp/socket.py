"""The private socket: MCP as on stdio, one JSON-RPC message a line, for whoever owns the account."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import SocketStream, TaskStatus
from mcp import types
from mcp.server import Server
from mcp.shared.message import SessionMessage

from errandry.mcp import messages

_log = logging.getLogger(__name__)


class PrivateSocket:
    """Serves each connection as one client of the server."""

    def __init__(self, server: Server[Any], path: Path, max_line_bytes: int) -> None:
        self._server = server
        self._path = path
        self._max_line = max_line_bytes
        self.connections = 0

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled; the socket is readable and writable for its owner alone."""
        self._path.unlink(missing_ok=True)  # whoever left it no longer holds the data folder
        async with await anyio.create_unix_listener(self._path, mode=0o600) as listener:
            task_status.started()
            try:
                await listener.serve(self._serve_one)
            finally:
                self._path.unlink(missing_ok=True)

    async def _serve_one(self, stream: SocketStream) -> None:
        self.connections += 1
        try:
            async with _messages(stream, self._max_line) as (inbound, outbound):
                options = self._server.create_initialization_options()
                await self._server.run(inbound, outbound, options)
        except Exception:  # noqa: BLE001 - one client's failure is not the others'
            _log.exception("a connection of the private socket failed")
        finally:
            self.connections -= 1


@asynccontextmanager
async def _messages(stream: SocketStream, max_line: int) -> AsyncGenerator[tuple[Any, Any]]:
    """Yield the two message streams that the SDK's server wants, over one socket."""
    to_server, inbound = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outbound, from_server = anyio.create_memory_object_stream[SessionMessage](0)

    refusals = outbound.clone()

    async def read() -> None:
        async with to_server, refusals:
            async for line in _lines(stream, max_line):
                message = _message(line)
                if isinstance(message, types.ErrorData):
                    refusal = types.JSONRPCError(jsonrpc="2.0", id=None, error=message)
                    await refusals.send(SessionMessage(refusal))
                else:
                    await to_server.send(message)

    async def write() -> None:
        async with from_server:
            async for message in from_server:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                try:
                    await stream.send(text.encode() + b"\n")
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return

    async with stream, anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(write)
        yield inbound, outbound
        group.cancel_scope.cancel()


async def _lines(stream: SocketStream, max_line: int) -> AsyncGenerator[bytes | None]:
    """Yield lines without their ends; None for each one over the limit, which is passed over."""
    buffer, too_long = bytearray(), False
    while True:
        try:
            buffer += await stream.receive(65_536)
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return
        *complete, rest = bytes(buffer).split(b"\n")
        buffer = bytearray(rest)
        for line in complete:
            if too_long or len(line) > max_line:
                too_long = False
                yield None
            elif line.strip():
                yield line
        if len(buffer) > max_line:
            too_long = True
            buffer.clear()


def _message(line: bytes | None) -> SessionMessage | types.ErrorData:
    """Read one message; of one that cannot be read say why (JSON-RPC 2.0, section 5.1)."""
    if line is None:
        return types.ErrorData(
            code=types.INVALID_REQUEST, message="The message is larger than the limit"
        )
    if wrong := messages.fault(line):
        return wrong
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return types.ErrorData(
            code=types.INVALID_REQUEST, message="This is no message of JSON-RPC 2.0"
        )
