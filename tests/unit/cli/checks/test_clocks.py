"""The check of the clocks."""

import time
from pathlib import Path

import pytest

import errandry
from errandry.cli.checks import clocks
from errandry.cli.checks.finding import Ground
from errandry.settings import Settings
from support.findings import levels, look


def test_a_steady_clock_in_a_known_zone_is_good(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    assert levels(look(clocks.check, ground)) == {"clock": "ok", "time zone": "ok"}


@pytest.mark.parametrize("jump_s", [-30, 30])
def test_a_clock_that_jumps_is_warned(folder: Path, jump_s: float) -> None:
    ground = Ground(Settings(data_dir=folder), (time.time() + jump_s, time.monotonic()))
    found = look(clocks.check, ground)["clock"]
    assert (found.level, f"jumped by {-jump_s:.1f} s" in found.says) == ("warn", True)


def test_a_clock_from_before_the_installation_fails(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = Path(errandry.__file__).stat().st_mtime
    monkeypatch.setattr(time, "time", lambda: installed - 2 * 86_400)
    assert look(clocks.check, ground)["clock"].level == "fail"


@pytest.mark.parametrize(
    ("zone", "level"),
    [
        ("", "ok"),
        ("UTC", "ok"),
        (":UTC", "ok"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "ok"),
        ("<+0330>-3:30", "ok"),
        ("Europe/Atlantis", "warn"),
        ("../etc/passwd", "warn"),
        ("/no/such/file", "warn"),
        (":/dev/null", "warn"),
    ],
)
def test_a_zone_must_be_known(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, zone: str, level: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    assert look(clocks.check, ground)["time zone"].level == level


def test_a_zone_may_be_a_file(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "zone").touch()
    monkeypatch.setenv("TZ", f":{tmp_path / 'zone'}")
    assert look(clocks.check, ground)["time zone"].level == "ok"
