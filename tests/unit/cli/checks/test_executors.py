"""The check of the executors of other packages."""

from pathlib import Path

import pytest

from errandry.cli.checks import executors
from errandry.cli.checks.finding import Ground
from support.executors_of_others import SOURCE
from support.findings import look
from support.packages import write


def test_without_packages_there_is_nothing_to_say(ground: Ground) -> None:
    found = look(executors.check, ground)["executors"]
    assert (found.level, found.says) == ("ok", "none of other packages")


def test_each_is_named_with_its_package(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"echo": "Echo", "gone": "Gone", "process": "Echo"}
    monkeypatch.syspath_prepend(write(tmp_path / "packages", "others", SOURCE, points))
    found = list(executors.check(ground))
    assert [(finding.level, finding.says) for finding in found] == [
        ("ok", "echo of others 1.0"),
        (
            "fail",
            "gone of others 1.0 cannot be loaded: "
            "AttributeError: module 'others' has no attribute 'Gone'",
        ),
        ("fail", "process of others 1.0 has the name of a built-in one, which is used instead"),
    ]
    assert found[1].next_step == "Correct or uninstall others 1.0, and restart the server."
