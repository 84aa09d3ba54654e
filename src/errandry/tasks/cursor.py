"""Opaque cursors: where a list or a log goes on."""

import base64
import binascii
import json

from errandry.errors import Fault, InvalidField


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
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        parts = None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        message = "This is no cursor of this list"
        raise InvalidField(
            message,
            faults=[Fault("?cursor", message, "the next_cursor or cursor of an earlier answer")],
        )
    return parts
