"""Changes that the other processes have not been told of yet: bounded, each once."""

from dataclasses import dataclass
from typing import Final

import anyio

from errandry.status.notice import Change

MOST_WAITING: Final = 1024
"""With more than so many, the others are told that everything may have changed."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What there is to tell; `changes` is None when it was too much.

    The cache holds an old status of the tasks in `outdated`, or of any when it is None.
    """

    changes: list[Change] | None
    outdated: list[str] | None


class Outbox:
    """Filled without waiting, emptied as a whole."""

    def __init__(self) -> None:
        self._changes: dict[Change, bool] | None = {}
        self._filled = anyio.Event()

    def put(self, change: Change, *, outdated: bool) -> None:
        """Add a change."""
        if self._changes is not None:
            self._changes[change] = outdated or self._changes.get(change, False)
            if len(self._changes) > MOST_WAITING:
                self._changes = None
        self._filled.set()

    def lose(self) -> None:
        """Note that some change may not have been told."""
        self._changes = None
        self._filled.set()

    async def take(self, seconds: float) -> Batch:
        """Wait for a change, at most so long; return all there are and forget them."""
        with anyio.move_on_after(seconds):
            await self._filled.wait()
        self._filled = anyio.Event()
        changes, self._changes = self._changes, {}
        if changes is None:
            return Batch(None, None)
        return Batch(list(changes), [each.task_id for each, old in changes.items() if old])
