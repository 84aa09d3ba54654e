"""What one process tells the others of changes: a short JSON text."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pydantic import BaseModel, ValidationError

from errandry.jsontext import compact
from errandry.tasks.model import Owner

MOST_BYTES: Final = 7900
"""PostgreSQL takes payloads of less than 8000 bytes."""


class Change(NamedTuple):
    """A task that is not what it was, and whose it is."""

    task_id: str
    owner: Owner


class Notice(BaseModel):
    """Who tells what; `changes` is None when more has changed than can be said."""

    sender: str
    changes: list[tuple[str, str, str]] | None

    def told(self) -> list[Change]:
        """The changes, none when there were too many."""
        return [Change(task_id, Owner(iss, sub)) for task_id, iss, sub in self.changes or ()]


def encode(sender: str, changes: Sequence[Change] | None) -> Iterator[str]:
    """Yield the texts that tell of these changes, of None that everything may have changed.

    No changes are one text, too: it shows the sender that it is heard.
    """
    head = len(compact({"sender": sender, "changes": []}).encode())
    told: list[list[str]] = []
    size = head
    for task_id, owner in changes or ():
        entry = [task_id, owner.iss, owner.sub]
        needs = len(compact(entry).encode()) + 1
        if head + needs > MOST_BYTES:
            yield from encode(sender, None)
            continue
        if size + needs > MOST_BYTES:
            yield compact({"sender": sender, "changes": told})
            told, size = [], head
        told.append(entry)
        size += needs
    yield compact({"sender": sender, "changes": None if changes is None else told})


def decode(text: str | bytes) -> Notice | None:
    """Read a text, None when it is no notice: anybody may write where we listen."""
    try:
        return Notice.model_validate_json(text, strict=True)
    except ValidationError:
        return None
