"""How we talk to a Redis: briefly, and without a second try."""

from typing import Final

from redis import Redis as BlockingRedis
from redis import RedisError
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

PREFIX: Final = "errandry:1"
"""What all our names begin with; the number is that of the form of what is kept there."""

LIMIT_S: Final = 0.25
"""How long a command may take while somebody waits for an answer of ours."""

CONNECT_S: Final = 2.0
"""How long it may take where nobody waits."""

_CONNECTIONS: Final = 16


def open_client(url: str, limit_s: float) -> Redis:
    """Return a client whose commands fail after so long; it connects when it is used.

    The defaults of the library would try again for ten seconds.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=limit_s,
        socket_timeout=limit_s,
        socket_connect_timeout=limit_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        client_name="errandry",
    )
    return Redis.from_pool(pool)


def why_unreachable(url: str) -> str | None:
    """Return why the server does not answer, None when it does. Blocks for some seconds at most."""
    client = BlockingRedis.from_url(
        url, socket_timeout=CONNECT_S, socket_connect_timeout=CONNECT_S, protocol=2
    )
    try:
        client.ping()
    except (RedisError, TypeError) as error:  # TypeError: an option that does not exist
        return str(error)
    finally:
        client.close()
    return None
