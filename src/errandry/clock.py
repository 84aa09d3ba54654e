"""The time, in the one form that the store and the wire share."""

import sys
import time
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """Return the current UTC time, cut to whole milliseconds as the wire shows it."""
    return to_milliseconds(datetime.now(UTC))


def boot_time() -> float:
    """Return seconds that go on while the machine sleeps, as the clock of a database elsewhere does."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.clock_gettime(time.CLOCK_MONOTONIC)  # macOS: counts sleep


def to_milliseconds(moment: datetime) -> datetime:
    """Return the moment in UTC without the part below a millisecond."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def after(moment: datetime, seconds: float) -> datetime:
    """Return the moment `seconds` later, in whole milliseconds."""
    return to_milliseconds(moment + timedelta(seconds=seconds))


def rfc3339(moment: datetime) -> str:
    """Write a UTC moment as ``2026-11-24T08:00:00.123Z`` (RFC 3339, milliseconds)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 moment; the zone must be there.

    Raises:
        ValueError: the text is no moment, or names no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write for example 2026-11-24T08:00:00Z")
    return to_milliseconds(moment)
