"""What callers send: one form per use case, checked alike whichever facade it came through."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from errandry.errors import ErrandryError, Fault, InvalidField, UnknownField, unknown_field
from errandry.tasks.logview import Ansi, LogMode, LogStream
from errandry.tasks.model import StateName

MAX_WAIT_S: Final = 50
MAX_LIMIT: Final = 100
MAX_AHEAD_S: Final = 366 * 86_400
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Moments outside of these have no room for a time zone or a delay more."""

LabelKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Labels = Annotated[
    dict[LabelKey, Annotated[str, Field(max_length=200)]],
    Field(max_length=16, description="At most 16 labels, text to text"),
]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Priority = Annotated[int, Field(ge=-100, le=100, description="Higher starts earlier")]


def _only_text(value: Any) -> Any:
    """A number, or text that is one, would be read as seconds or milliseconds, by its size."""
    is_moment = isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value))
    if not is_moment:
        raise ValueError("a moment is text as in RFC 3339, for example 2026-11-24T08:00:00Z")
    return value


Moment = Annotated[
    AwareDatetime, BeforeValidator(_only_text), Field(strict=False, ge=EARLIEST, le=LATEST)
]
Reference = Annotated[str, Field(min_length=1, max_length=200, description="Id or alias of a task")]
Reason = Annotated[str, Field(max_length=1000)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,255}$")]


class Form(BaseModel):
    """Base of all forms: frozen, no unknown fields, no conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Start(Form):
    """When a task may start: at a moment, or after some seconds, or (neither) at once."""

    run_at: Moment | None = None
    delay_s: Annotated[float, Field(ge=0, le=MAX_AHEAD_S)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.run_at is not None and self.delay_s is not None:
            raise ValueError("give run_at or delay_s, not both")
        return self


class CreateTask(Start):
    """A task to be made, and with `execute` started."""

    command: Annotated[str, Field(min_length=1, max_length=64)]
    arguments: dict[str, Any] = {}
    title: Title | None = None
    labels: Labels = {}
    priority: Priority = 0
    expires_in_s: Annotated[float, Field(gt=0, le=MAX_AHEAD_S)] | None = None
    execute: bool = False


class UpdateTask(Form):
    """The fields of a task to be set; those left out stay."""

    arguments: dict[str, Any] = {}
    title: Title | None = None
    labels: Labels = {}
    priority: Priority = 0
    run_at: Moment | None = None


class CancelTask(Form):
    """Why a task is cancelled."""

    reason: Reason | None = None


class RetryTask(Form):
    """How the new task differs from the one it repeats."""

    arguments: dict[str, Any] | None = None
    version: Literal["original", "current"] = "original"


class Decide(Form):
    """A decision about exactly the version of the command that the digest names."""

    digest: str
    reason: Reason | None = None


class Answer(Form):
    """One answer to a question of a task; only one that accepts has a content."""

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] | None = None


class AnswerTask(Form):
    """Answers by the key of their question."""

    responses: dict[str, Answer]


class Query(BaseModel):
    """Base of what stands in a URL: all of it is text, so numbers are converted."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ListCommands(Query):
    """Which commands a list shows."""

    query: str | None = None
    tag: str | None = None


class ListTasks(Query):
    """Which tasks a list shows; `state` and `label` (key:value) may repeat."""

    state: list[StateName] = []
    label: list[Annotated[str, StringConstraints(pattern=r"^[^:]+:.*$")]] = []
    command: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    q: str | None = None
    owner: str | None = None
    limit: Limit = 20
    cursor: str | None = None


class ReadStatus(Query):
    """How long to wait (seconds) for a revision newer than this one."""

    wait: Annotated[float, Field(ge=0, le=MAX_WAIT_S)] = 0
    revision: Annotated[int, Field(ge=0)] | None = None


MAX_EVENT: Final = 2**31 - 1
EventNumber = Annotated[int, Field(ge=0, le=MAX_EVENT)]


class ReadEvents(Query):
    """A page of a history, or (the last two) what a stream of it begins with and holds.

    `cursor` goes before `after`; `log_cursor` is that of a `log` frame.
    """

    limit: Limit = 20
    cursor: str | None = None
    after: EventNumber = 0
    logs: bool = False
    log_cursor: str | None = None


class ReadLog(Query):
    """Which part of a log is read, and how much of it (lines, bytes of text)."""

    mode: LogMode = "tail"
    lines: Annotated[int, Field(ge=1, le=10_000)] = 100
    max_bytes: Annotated[int, Field(ge=16, le=1024 * 1024)] = 65_536
    cursor: str | None = None
    pattern: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    context: Annotated[int, Field(ge=0, le=100)] = 3
    stream: LogStream = "both"
    attempt: Annotated[int, Field(ge=1)] | None = None
    fold: bool = True
    ansi: Ansi = "strip"


def refusal(
    details: Iterable[Mapping[str, Any]], known: Sequence[str], *, query: bool = False
) -> ErrandryError:
    """Say what pydantic found wrong with a form whose fields are `known`: all of it at once."""
    errors = list(details)
    faults = [_fault(error, known, query=query) for error in errors]
    message = "; ".join(f"{fault.path}: {fault.message}" for fault in faults[:5])
    if errors and all(error["type"] == "extra_forbidden" for error in errors):
        return UnknownField(message, faults=faults)
    return InvalidField(message, faults=faults)


def _fault(error: Mapping[str, Any], known: Sequence[str], *, query: bool) -> Fault:
    location = [part for part in error["loc"] if part != "[key]"]  # pydantic's mark of a bad key
    if query:
        path = "?" + ".".join(str(part) for part in location[:1])
    else:
        path = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
    if error["type"] == "extra_forbidden":
        return unknown_field(path, str(location[-1]), known if len(location) == 1 else [])
    message = str(error["msg"]).removeprefix("Value error, ")
    return Fault(path or "/", message, _allowed(error.get("ctx", {})))


_BOUNDS: Final = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "text that matches {}",
}


def _allowed(context: Mapping[str, Any]) -> str | list[str] | None:
    """Say what pydantic's context of an error tells about what would be right."""
    if isinstance(expected := context.get("expected"), str):
        return expected.replace("'", "").replace(" or ", ", ").split(", ")
    bounds = [text.format(context[name]) for name, text in _BOUNDS.items() if name in context]
    return " and ".join(bounds) or None
