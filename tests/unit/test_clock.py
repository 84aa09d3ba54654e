"""Moments as the wire writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from errandry import clock

MOMENT = datetime(2026, 11, 24, 8, 0, 0, 123_999, tzinfo=UTC)


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    assert clock.rfc3339(MOMENT) == "2026-11-24T08:00:00.123Z"
    east = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert clock.rfc3339(east) == "2026-11-24T08:00:00.123Z"


@pytest.mark.parametrize(
    "text",
    ["2026-11-24T08:00:00.123Z", "2026-11-24T09:00:00.123+01:00", "2026-11-24 08:00:00.123999Z"],
)
def test_a_moment_is_read_from_any_zone(text: str) -> None:
    assert clock.rfc3339(clock.parse_rfc3339(text)) == "2026-11-24T08:00:00.123Z"


@pytest.mark.parametrize("text", ["2026-11-24T08:00:00", "yesterday", "", "2026-13-01T00:00:00Z"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        clock.parse_rfc3339(text)


def test_now_is_whole_milliseconds_and_goes_on() -> None:
    first = clock.now()
    assert first.microsecond % 1000 == 0
    assert clock.after(first, 1.5) - first == timedelta(seconds=1.5)
    assert clock.now() >= first
