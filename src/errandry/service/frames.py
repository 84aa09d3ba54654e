"""What a live stream is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `number` is the `seq` of an event of the history, None for what is live only."""

    event: str
    data: Mapping[str, Any]
    number: int | None = None


RESYNC: Final = Frame("resync", {})
"""Whatever the reader knows may be old: it has to read its tasks again."""
