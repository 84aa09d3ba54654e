"""Statuses in Redis.

A value is `<epoch> <revision> <JSON>`. It is believed only while the epoch is that of the key `epoch`:
whoever could not write a change sets another epoch before it uses Redis again, so that nothing from
before an outage is believed. `-` instead of a value says that the row has just changed, and lasts as
long as somebody may still hold what it said before.
"""

import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import anyio
from pydantic import ValidationError

from errandry import clock
from errandry.jsontext import loads
from errandry.status.cache import CachedStatus
from errandry.status.redis.client import CONNECT_S, LIMIT_S, PREFIX, open_client

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PAUSE_S: Final = 1.0
"""Before the next look at a Redis that fails; longer than `_MAKE_S` and `LIMIT_S` together."""

_QUIET_S: Final = 60.0  # one that fails again and again is not told of more often

_MAKE_S: Final = 0.5  # what took longer to make is not kept
_HOLD_MS: Final = 1_000  # longer than those two, as well
_KEEP_MS: Final = 1_000
_KEEP_FINAL_MS: Final = 60_000
_OLD_MS: Final = 1_500

_EPOCH: Final = f"{PREFIX}:epoch"
_CHANGED: Final = "-"

# Keys: value, epoch. Arguments: revision, JSON, milliseconds, an epoch if there is none.
_PUT: Final = """
local epoch = redis.call('GET', KEYS[2])
if not epoch then
  epoch = ARGV[4]
  redis.call('SET', KEYS[2], epoch)
end
local known = redis.pcall('GET', KEYS[1])
if type(known) == 'string' then
  if known == '-' then return 0 end
  local of, revision = string.match(known, '^(%x+) (%d+) ')
  if of == epoch and tonumber(revision) > tonumber(ARGV[1]) then return 0 end
end
redis.call('SET', KEYS[1], epoch .. ' ' .. ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1
"""


def _key(task_id: str) -> str:
    return f"{PREFIX}:status:{task_id}"


class RedisCache:
    """Statuses that all processes of one Redis share; see `StatusCache`.

    One failure is enough to leave it alone: nobody waits for it until it has answered again.
    """

    def __init__(self, url: str) -> None:
        self._client = open_client(url, LIMIT_S)
        self._put = self._client.register_script(_PUT)
        self._failed = anyio.Event()
        self._is_up = False
        self._told_at = -math.inf
        self._is_news = True

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self._is_up

    async def get(self, task_id: str) -> CachedStatus | None:
        """Return what is known of a task."""
        found = await self._ask(lambda: self._client.mget(_key(task_id), _EPOCH))
        value, epoch = found or (None, None)
        if not isinstance(value, bytes) or not isinstance(epoch, bytes):
            return None
        known = _read(value, epoch)
        if known is None or known.status.get("task_id") != task_id:
            return None
        if known.status.get("final") is not True and abs(_now_ms() - known.at_ms) > _OLD_MS:
            return None
        return known

    async def put(self, task_id: str, known: CachedStatus, read_at: float) -> None:
        """Keep a status unless a newer one is there; its row was read after `read_at` (monotonic)."""
        if time.monotonic() - read_at > _MAKE_S:
            await self.forget([task_id])
            return
        keep_ms = _KEEP_FINAL_MS if known.status["final"] else _KEEP_MS
        await self._ask(
            lambda: self._put(
                keys=[_key(task_id), _EPOCH],
                args=[known.revision, known.model_dump_json(), keep_ms, _new_epoch()],
            )
        )

    async def forget(self, task_ids: Sequence[str]) -> None:
        """Drop statuses, and take none that is being made of the rows as they were."""
        pipeline = self._client.pipeline(transaction=False)
        for task_id in task_ids:
            pipeline.set(_key(task_id), _CHANGED, px=_HOLD_MS)
        await self._ask(pipeline.execute)

    async def forget_all(self) -> None:
        """Drop every status: the next epoch begins, a moment later."""
        self._give_up("changes got lost on the way")

    async def run(self) -> None:
        """Begin an epoch, and another one after each failure, until cancelled."""
        try:
            while True:
                self._failed = anyio.Event()
                if await self._begins():
                    self._is_up = True
                    if self._is_news:
                        _log.info("statuses are cached")
                    self._is_news = False
                    await self._failed.wait()
                await anyio.sleep(PAUSE_S)
        finally:
            self._is_up = False
            with anyio.CancelScope(shield=True), suppress(Exception):
                await self._client.aclose()

    async def _begins(self) -> bool:
        try:
            with anyio.fail_after(CONNECT_S):
                await self._client.set(_EPOCH, _new_epoch())
        except Exception as error:  # noqa: BLE001 - see `_ask`
            _log.debug("Redis does not answer: %r", error)
            return False
        return True

    async def _ask(self, command: Callable[[], Awaitable[Answer]]) -> Answer | None:
        if not self._is_up:
            return None
        try:
            with anyio.fail_after(LIMIT_S):
                return await command()
        except Exception as error:  # noqa: BLE001 - the library lets through more than its own errors
            self._give_up(repr(error))
            return None

    def _give_up(self, why: str) -> None:
        now = time.monotonic()
        if self._is_up and now - self._told_at > _QUIET_S:
            _log.warning("statuses are not cached for now: %s", why)
            self._told_at, self._is_news = now, True
        self._is_up = False
        self._failed.set()


def _read(value: bytes, epoch: bytes) -> CachedStatus | None:
    """Return the status in a value of this epoch, None when it is anything else, or no strict JSON."""
    of, _, rest = value.partition(b" ")
    revision, _, text = rest.partition(b" ")
    if of != epoch:
        return None
    try:
        known = CachedStatus.model_validate(loads(text))
        is_whole = known.revision == int(revision)
    except (ValidationError, ValueError, KeyError):
        return None
    return known if is_whole else None


def _new_epoch() -> str:
    return secrets.token_hex(8)


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)
