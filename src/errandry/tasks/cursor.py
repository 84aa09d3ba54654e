"""Opaque cursors: where a list or a log goes on."""

import base64
import binascii
import json
from typing import Final

from errandry import jsontext
from errandry.errors import Fault, InvalidField

_LIMIT: Final = 2**63
"""A position is a number that the database can hold; one beyond was not made here."""


def encode(*parts: str | int) -> str:
    """Pack the parts of a position into one URL-safe word."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode(text: str, *kinds: type[str] | type[int]) -> list[str | int]:
    """Unpack a cursor whose parts have these types.

    Raises:
        InvalidField: the text is no cursor of this list.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        parts = jsontext.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        parts = None
    if not _are_of(parts, kinds):
        message = "This is no cursor of this list"
        raise InvalidField(
            message,
            faults=[Fault("?cursor", message, "the next_cursor or cursor of an earlier answer")],
        )
    found: list[str | int] = parts
    return found


def _are_of(parts: object, kinds: tuple[type[str] | type[int], ...]) -> bool:
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        return False
    return all(isinstance(part, str) or 0 <= part < _LIMIT for part in parts)
