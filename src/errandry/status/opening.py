"""Which bus a process gets: it depends on where its tasks are, and on whether there is a Redis."""

from functools import partial

from errandry.status.bus import StatusBus
from errandry.tasks.sql import listening
from errandry.tasks.sql.location import Location


def open_bus(location: Location, redis_url: str | None) -> StatusBus:
    """Return the bus of a process on this database; `run` has to run for it to reach others."""
    if redis_url is not None:
        from errandry.status.redis import cache, wire  # noqa: PLC0415 - it takes long to import

        return StatusBus(partial(wire.connect, redis_url), cache.RedisCache(redis_url))
    if location.file is None:
        return StatusBus(partial(listening.connect, location))
    return StatusBus()
