"""The clocks: leases count on the monotonic one, everything that people read on the wall clock."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import errandry
from errandry import clock
from errandry.cli.checks.finding import Finding, Ground

_JUMP_S: Final = 1.0
_DAY_S: Final = 86_400
_POSIX_ZONE: Final = re.compile(r"(<[+\-0-9A-Za-z]+>|[A-Za-z]{3,})[+-]?[0-9].*")
"""A zone with its offset written out (POSIX, base definitions, 8.3); the C library reads it, too."""

_NTP: Final = "Let a time service (chrony, systemd-timesyncd, ntpd) set the clock."


def check(ground: Ground) -> Iterator[Finding]:
    """Look at the date, at jumps since the looking began, and at the time zone."""
    yield _wall(*ground.began)
    yield _zone(os.environ.get("TZ", ""))


def _wall(began: float, began_monotonic: float) -> Finding:
    installed = Path(errandry.__file__).stat().st_mtime
    now, passed_s = time.time(), time.monotonic() - began_monotonic
    if now < installed - _DAY_S:
        says = f"it says {clock.rfc3339(clock.now())}, before this program was installed"
        return Finding("fail", "clock", says, _NTP)
    if abs(jump_s := now - began - passed_s) > _JUMP_S:
        return Finding("warn", "clock", f"it jumped by {jump_s:.1f} s just now", _NTP)
    return Finding("ok", "clock", f"{clock.rfc3339(clock.now())}, as steady as the monotonic one")


def _zone(name: str) -> Finding:
    if name and not _POSIX_ZONE.fullmatch(name) and not _is_known(name.removeprefix(":")):
        return Finding(
            "warn",
            "time zone",
            f"TZ={name} is not known here, so programs take it for UTC",
            "Install tzdata, or correct TZ.",
        )
    return Finding("ok", "time zone", f"{time.strftime('%Z')} for programs; errandry writes UTC")


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return Path(name).is_absolute() and Path(name).is_file()
    return True
