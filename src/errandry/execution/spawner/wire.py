"""What worker and keeper say to each other: JSON objects, one a line.

To the keeper: a `JobMessage` with the descriptors for stdout, stderr and perhaps stdin; then
`{"lease": moment}` (the tree may live until then) and `{"end": seconds}` (TERM now, KILL after so
long; another one can only shorten it). End of file, or the lease reached: KILL at once.

From the keeper: `{"started": pid}`; then, as the last line, `EndedMessage`, once the whole tree is
gone, or `FailedMessage`: nothing ran. The spawner says `{"lost": text}` for a keeper that died,
after it has killed what that left behind.
"""

import json
from typing import Any, Literal, TypedDict

Message = dict[str, Any]
Why = Literal["exited", "cancelled", "lease"]
Stage = Literal["limits", "user", "workdir", "program"]


class JobMessage(TypedDict):
    """One attempt, as its keeper sees it."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    marks: dict[str, str]
    limits: dict[str, int]
    user: tuple[int, int] | None
    lease: float
    counts_sleep: bool
    give_up_s: float


class EndedMessage(TypedDict):
    """How the program ended; `ended` is its exit code, or a signal's number below zero."""

    ended: int
    why: Why
    cpu_s: float
    max_rss_bytes: int


class FailedMessage(TypedDict):
    """Why there is no program; `failed` is an errno, 0 when `text` alone tells."""

    failed: int
    stage: Stage
    text: str


def line(message: object) -> bytes:
    """Write one message."""
    return json.dumps(message).encode() + b"\n"


class Lines:
    """Cuts what arrives into messages; the beginning of a line waits for its end."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]
