"""Wake-ups within one process. A message says only *look again*; the row says what is true.

Lossy by contract: several wake-ups may become one, and who waits looks again after a while anyway.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Final, TypeVar

import anyio

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

    def take(self) -> list[str] | None:
        """Return the tasks since the last call, each once, or None when they were too many."""
        ids, self._ids = self._ids, {}
        return None if ids is None else list(ids)


AnySubscription = TypeVar("AnySubscription", bound=Subscription)


class StatusBus:
    """Tells subscribers of a task, or of all tasks of an owner, that something has changed."""

    def __init__(self) -> None:
        self._subscribers: defaultdict[Topic, set[Subscription]] = defaultdict(set)

    def publish(self, task_id: str, owner: Owner) -> None:
        """Wake whoever waits for this task. Call it after the commit."""
        for topic in (task_id, owner, None):
            for subscription in self._subscribers.get(topic, ()):
                subscription.notify(task_id)

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
