"""Names of tasks: the id that nobody can guess, and the alias that people can type."""

import re
import secrets

_ID = re.compile(r"tsk_[0-9a-f]{32}")


def new_id() -> str:
    """Return a fresh task id: `tsk_` and 128 random bits as lower-case hex digits."""
    return "tsk_" + secrets.token_hex(16)


def is_id(reference: str) -> bool:
    """Whether the reference has the form of an id; anything else is taken for an alias."""
    return _ID.fullmatch(reference) is not None


def alias(command: str, number: int) -> str:
    """Return the alias of an owner's `number`-th task of a command."""
    return f"{command}-{number}"
