"""The socket that the server listens on."""

import asyncio
import contextlib
import socket

from errandry.cli.ports import listen


async def test_an_answer_is_sent_at_once_not_when_the_client_has_confirmed_its_beginning() -> None:
    delays: asyncio.Queue[int] = asyncio.Queue()

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted: socket.socket = writer.get_extra_info("socket")
        delays.put_nowait(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        async with await asyncio.start_server(connected, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            assert await delays.get() == 1
            writer.close()
            await writer.wait_closed()
