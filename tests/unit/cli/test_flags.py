"""How the values of flags are read."""

import argparse
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from errandry import clock
from errandry.cli import flags


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (flags.count, "1", 1),
        (flags.count, "250", 250),
        (flags.seconds, "0", 0),
        (flags.seconds, "1.5", 1.5),
        (flags.label, "team=ops", ("team", "ops")),
        (flags.label, "note=a=b", ("note", "a=b")),
        (flags.label, "empty=", ("empty", "")),
        (flags.moment, "2026-11-24T09:00:00+01:00", "2026-11-24T08:00:00.000Z"),
        (flags.url, "https://host.example/base/", "https://host.example/base"),
        (flags.url, "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_a_value_is_read(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (flags.count, "0", "'0' is no whole number from 1"),
        (flags.count, "²", "'²' is no whole number from 1"),
        (flags.count, "1.5", "'1.5' is no whole number from 1"),
        (flags.seconds, "-1", "'-1' is no number of seconds"),
        (flags.seconds, "nan", "'nan' is no number of seconds"),
        (flags.seconds, "inf", "'inf' is no number of seconds"),
        (flags.seconds, "soon", "'soon' is no number of seconds"),
        (flags.label, "team", "'team' is no label; write key=value"),
        (flags.label, "=ops", "'=ops' is no label; write key=value"),
        (
            flags.moment,
            "yesterday",
            "'yesterday' is no moment; write 2h, 7d or 2026-11-24T08:00:00Z",
        ),
        (flags.moment, "999999d", "'999999d' is no moment; write 2h, 7d or 2026-11-24T08:00:00Z"),
        (flags.url, "127.0.0.1:8000", "'127.0.0.1:8000' is no address; write http://host:port"),
        (flags.url, "http://..", "'http://..' is no address; write http://host:port"),
        (flags.url, "http://host:many", "'http://host:many' is no address; write http://host:port"),
        (flags.url, "http://me@host", "'http://me@host' is no address; write http://host:port"),
        (flags.url, "ftp://host", "'ftp://host' is no address; write http://host:port"),
    ],
)
def test_a_value_that_is_none_is_refused(
    read: Callable[[str], object], text: str, message: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{re.escape(message)}$"):
        read(text)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_moment_may_be_a_time_ago(text: str, ago: timedelta) -> None:
    before = clock.now()
    moment = clock.parse_rfc3339(flags.moment(text))
    assert before - ago <= moment <= clock.now() - ago
