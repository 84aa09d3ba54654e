"""What can be refused: one tree of errors, cut by what the caller can do next.

`code` is public API. The HTTP status and title of each code stand in `errandry.problems`.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input.

    `path` is a JSON pointer into the body (``/arguments/width``), or ``?name`` for a query field.
    `allowed` says what would be right: a list of values, a sentence, or None when nothing helps.
    """

    path: str
    message: str
    allowed: Any = None


class ErrandryError(Exception):
    """Base of every refusal. The message is one sentence for the caller, free of secrets."""

    code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        next_step: str | None = None,
        faults: Sequence[Fault] = (),
        **facts: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.faults = tuple(faults)
        self.facts = facts


class InvalidRequest(ErrandryError):
    """The request cannot be read: broken JSON, wrong shape."""

    code = "invalid_request"


class InvalidField(InvalidRequest):
    """A field or query value is not allowed; the faults name it."""


class UnknownField(ErrandryError):
    """A field that does not exist; the faults name it and the nearest known one."""

    code = "unknown_field"


class InvalidArguments(ErrandryError):
    """Arguments break the schema of their command; all faults at once."""

    code = "invalid_arguments"


class InvalidCommand(ErrandryError):
    """A definition is wrong, or needs what this server cannot do."""

    code = "invalid_command"


class NotAuthenticated(ErrandryError):
    """No token, or a token that is not accepted."""

    code = "not_authenticated"


class InvalidToken(NotAuthenticated):
    """There is a token, and it is not accepted."""


class NotPermitted(ErrandryError):
    """The caller is known and may not do this."""

    code = "not_permitted"


class NotFound(ErrandryError):
    """There is no such thing, or not for this caller."""

    code = "not_found"


class TaskNotFound(NotFound):
    """No such task among those the caller may see."""

    code = "task_not_found"


class CommandNotFound(NotFound):
    """No such command."""

    code = "command_not_found"


class MethodNotAllowed(ErrandryError):
    """The path exists, the method does not."""

    code = "method_not_allowed"


class NotAcceptable(ErrandryError):
    """No form of the answer fits the Accept header."""

    code = "not_acceptable"


class CommandExists(ErrandryError):
    """A command of that name is there already."""

    code = "command_exists"


class AmbiguousAlias(ErrandryError):
    """Several visible tasks have that alias."""

    code = "ambiguous_alias"


class TaskActive(ErrandryError):
    """The task is not final yet."""

    code = "task_active"


class TaskNotEditable(ErrandryError):
    """That field can no longer be changed."""

    code = "task_not_editable"


class IdempotencyConflict(ErrandryError):
    """The idempotency key belongs to another request."""

    code = "idempotency_conflict"


class DigestMismatch(ErrandryError):
    """The decision names another version of the command."""

    code = "digest_mismatch"


class RevisionMismatch(ErrandryError):
    """If-Match names another revision of the task, or version of the command."""

    code = "revision_mismatch"


class PayloadTooLarge(ErrandryError):
    """The body is over the limit."""

    code = "payload_too_large"


class UnsupportedMediaType(ErrandryError):
    """The body is no JSON."""

    code = "unsupported_media_type"


class TooManyRequests(ErrandryError):
    """The caller has as much under way as it may have."""

    code = "too_many_requests"


class MisdirectedRequest(ErrandryError):
    """The Host header names another server."""

    code = "misdirected_request"


class Unavailable(ErrandryError):
    """The server cannot do it now; try later."""

    code = "unavailable"


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` known names that are close to `name`, the closest first."""
    return difflib.get_close_matches(name, list(known), n=count, cutoff=0.6)


def unknown_field(path: str, name: str, known: Sequence[str]) -> Fault:
    """Describe a field that does not exist, with the nearest known name if one is close."""
    close = nearest(name, known, 1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return Fault(path, f'There is no field "{name}"{hint}', sorted(known))
