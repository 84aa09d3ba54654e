"""Wake-ups, within one process and between several. They say *look again*; the row is the truth.

Lossy by contract: several wake-ups may become one, and who waits looks again after a while anyway.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Final, TypeVar

import anyio

from errandry.status.cache import NoCache, StatusCache
from errandry.status.notice import Change
from errandry.status.relay import Connect, Relay
from errandry.tasks.model import Owner

MOST_CHANGED: Final = 256
"""How many changed tasks a subscription remembers for a reader that does not keep up."""

Topic = str | Owner | None
"""A task's id, an owner (all of its tasks), or None: every task."""


class Subscription:
    """A flag that is raised by each message about one of its tasks."""

    def __init__(self) -> None:
        self._raised = anyio.Event()

    def notify(self, task_id: str) -> None:  # noqa: ARG002 - `Changes` remembers it
        """Raise the flag."""
        self._raised.set()

    def resync(self) -> None:
        """Raise the flag: any task may have changed."""
        self._raised.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until the flag is raised, at most so long; lower it, and say whether it was."""
        with anyio.move_on_after(max(0.0, seconds)):
            await self._raised.wait()
        raised = self._raised.is_set()
        if raised:
            self._raised = anyio.Event()
        return raised


class Changes(Subscription):
    """A flag that also remembers which tasks the messages were about, up to `MOST_CHANGED`."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: dict[str, None] | None = {}

    def notify(self, task_id: str) -> None:
        """Raise the flag, and remember the task."""
        if self._ids is not None:
            self._ids[task_id] = None
            if len(self._ids) > MOST_CHANGED:
                self._ids = None
        super().notify(task_id)

    def resync(self) -> None:
        """Raise the flag, and remember that it may be about any task."""
        self._ids = None
        super().resync()

    def take(self) -> list[str] | None:
        """Return the tasks since the last call, each once, or None when it may be any."""
        ids, self._ids = self._ids, {}
        return None if ids is None else list(ids)


AnySubscription = TypeVar("AnySubscription", bound=Subscription)


class StatusBus:
    """Tells subscribers of a task, or of all tasks of an owner, that something has changed.

    Args:
        connect: opens the wire to other processes; without it there are none.
        cache: the statuses that they share.
    """

    def __init__(self, connect: Connect | None = None, cache: StatusCache | None = None) -> None:
        self.cache = cache or NoCache()
        self._relay = Relay(connect, self.cache) if connect else None
        self._subscribers: defaultdict[Topic, set[Subscription]] = defaultdict(set)

    @property
    def is_connected(self) -> bool | None:
        """Whether changes reach other processes now; None when there are none."""
        return self._relay.is_connected if self._relay else None

    async def run(self) -> None:
        """Tell other processes and be told by them until cancelled; without any return at once."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.cache.run)
            if self._relay is not None:
                await self._relay.run(self._wake, self.resync)

    def publish(self, task_id: str, owner: Owner, *, outdated: bool = True) -> None:
        """Wake whoever waits for this task, here and elsewhere. Call it after the commit.

        `outdated`: whether the cache holds an older status than may be answered from now on.
        """
        change = Change(task_id, owner)
        self._wake(change)
        if self._relay is not None:
            self._relay.outbox.put(change, outdated=outdated)

    def _wake(self, change: Change) -> None:
        for topic in (change.task_id, change.owner, None):
            for subscription in self._subscribers.get(topic, ()):
                subscription.notify(change.task_id)

    def resync(self) -> None:
        """Wake everybody: changes may have gone unheard."""
        for subscription in {each for some in self._subscribers.values() for each in some}:
            subscription.resync()

    @contextmanager
    def subscribe(self, task_ids: Iterable[str]) -> Generator[Subscription]:
        """Yield a subscription to these tasks. Subscribe first, then read the rows."""
        with self._added(Subscription(), set[Topic](task_ids)) as subscription:
            yield subscription

    @contextmanager
    def changes(self, owner: Owner | None) -> Generator[Changes]:
        """Yield a subscription to all tasks of an owner, or of all owners (None)."""
        with self._added(Changes(), {owner}) as subscription:
            yield subscription

    @contextmanager
    def _added(
        self, subscription: AnySubscription, topics: Iterable[Topic]
    ) -> Generator[AnySubscription]:
        for topic in topics:
            self._subscribers[topic].add(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._subscribers[topic].discard(subscription)
                if not self._subscribers[topic]:
                    del self._subscribers[topic]
