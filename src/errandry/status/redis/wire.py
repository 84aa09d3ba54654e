"""Changes over the pub/sub of Redis."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from errandry.status.redis.client import CONNECT_S, PREFIX, open_client


class RedisWire:
    """One channel for each numbered database of a server."""

    def __init__(self, client: Redis, subscription: PubSub) -> None:
        number = client.connection_pool.connection_kwargs.get("db", 0)
        self._channel = f"{PREFIX}:changes:{number}"
        self._client = client
        self._subscription = subscription

    async def listen(self) -> None:
        """Subscribe, and wait until the server has confirmed it."""
        await self._subscription.subscribe(self._channel)
        with anyio.fail_after(CONNECT_S):
            await self._subscription.get_message(timeout=None)

    async def send(self, text: str) -> None:
        """Send a text to everybody who listens."""
        await self._client.publish(self._channel, text)

    async def receive(self) -> bytes:
        """Wait for the next text."""
        message = None
        while message is None:
            message = await self._subscription.get_message(
                ignore_subscribe_messages=True, timeout=None
            )
        data: bytes = message["data"]
        return data


@asynccontextmanager
async def connect(url: str) -> AsyncGenerator[RedisWire]:
    """Yield a wire to all processes of this Redis."""
    client = open_client(url, CONNECT_S)
    subscription = client.pubsub()
    try:
        wire = RedisWire(client, subscription)
        await wire.listen()
        yield wire
    finally:
        with anyio.CancelScope(shield=True):
            await subscription.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()
