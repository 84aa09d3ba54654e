"""Statuses that several processes share. They are never the truth, and may be gone."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from errandry.tasks.model import Owner


class CachedStatus(BaseModel, frozen=True):
    """The status of a task as its row said it at a moment (`at_ms`, milliseconds since 1970).

    `status` is its form on the wire, for whoever may see the task; `revision` orders them.
    """

    owner: Owner
    at_ms: int
    status: Mapping[str, Any]

    @property
    def revision(self) -> int:
        """The revision of the task."""
        number: int = self.status["revision"]
        return number


class StatusCache(Protocol):
    """Where statuses are kept. No call fails: a cache that does not answer has nothing."""

    @property
    def is_up(self) -> bool | None:
        """Whether it answers; None when there is none."""
        ...

    async def get(self, task_id: str) -> CachedStatus | None:
        """Return what is known of a task."""
        ...

    async def put(self, task_id: str, known: CachedStatus, read_at: float) -> None:
        """Keep a status unless a newer one is there; its row was read after `read_at` (monotonic)."""
        ...

    async def forget(self, task_ids: Sequence[str]) -> None:
        """Drop statuses, and take none that is being made of the rows as they were."""
        ...

    async def forget_all(self) -> None:
        """Drop every status."""
        ...

    async def run(self) -> None:
        """Keep it going until cancelled."""
        ...


class NoCache:
    """Keeps nothing."""

    is_up = None

    async def get(self, task_id: str) -> CachedStatus | None:  # noqa: ARG002
        """Return None."""
        return None

    async def put(self, task_id: str, known: CachedStatus, read_at: float) -> None:
        """Do nothing."""

    async def forget(self, task_ids: Sequence[str]) -> None:
        """Do nothing."""

    async def forget_all(self) -> None:
        """Do nothing."""

    async def run(self) -> None:
        """Return at once."""
