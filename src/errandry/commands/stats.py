"""How a command has fared."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Stats:
    """What the latest tasks of a command tell, whoever owned them; None where nothing does.

    `runs` counts those that ran. The rest is of the runs that nobody cancelled: the share that
    succeeded, and how long their last attempts took (seconds, nearest rank). `last_outcome` is the
    state that the newest run ended in.
    """

    runs: int = 0
    success_rate: float | None = None
    p50_s: float | None = None
    p95_s: float | None = None
    last_outcome: str | None = None


NO_RUNS: Final = Stats()
