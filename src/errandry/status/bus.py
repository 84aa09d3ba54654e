"""Wake-ups within one process. A message says only *look again*; the row says what is true.

Lossy by contract: several wake-ups may become one, and who waits looks again after a while anyway.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import contextmanager

import anyio


class Subscription:
    """A flag that is raised by each message about one of its tasks."""

    def __init__(self) -> None:
        self._raised = anyio.Event()

    def notify(self) -> None:
        """Raise the flag."""
        self._raised.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until the flag is raised, at most so long; lower it, and say whether it was."""
        with anyio.move_on_after(max(0.0, seconds)):
            await self._raised.wait()
        raised = self._raised.is_set()
        if raised:
            self._raised = anyio.Event()
        return raised


class StatusBus:
    """Tells subscribers of a task that something about it has changed."""

    def __init__(self) -> None:
        self._subscribers: defaultdict[str, set[Subscription]] = defaultdict(set)

    def publish(self, task_id: str) -> None:
        """Wake whoever waits for this task. Call it after the commit."""
        for subscription in self._subscribers.get(task_id, ()):
            subscription.notify()

    @contextmanager
    def subscribe(self, task_ids: Iterable[str]) -> Generator[Subscription]:
        """Yield a subscription to these tasks. Subscribe first, then read the rows."""
        subscription, topics = Subscription(), set(task_ids)
        for topic in topics:
            self._subscribers[topic].add(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._subscribers[topic].discard(subscription)
                if not self._subscribers[topic]:
                    del self._subscribers[topic]
