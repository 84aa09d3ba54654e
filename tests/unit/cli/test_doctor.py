"""``errandry doctor`` as a whole."""

import json
import os
import shutil
from pathlib import Path

import pytest

from errandry.cli.checks.finding import Finding
from support.commandline import CommandLine, Ran

HEAD = "level\tcheck\tfinding\tnext step"


@pytest.fixture(autouse=True)
def place(home: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty installation of an ordinary account."""
    owner = data_dir.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner or 1)
    os.chown(data_dir, owner or 1, -1)
    return data_dir


def lines(ran: Ran) -> list[list[str]]:
    head, *rows = ran.out.splitlines()
    assert head == HEAD
    return [row.split("\t") for row in rows]


def test_a_new_installation_has_no_faults(cli: CommandLine, data_dir: Path) -> None:
    (Path.cwd() / "commands").mkdir()
    ran = cli("doctor")
    assert (ran.exit, ran.err) == (0, "")
    assert not [row for row in lines(ran) if row[0] == "fail"]
    assert {row[1] for row in lines(ran)} >= {
        "account",
        "settings",
        "data folder",
        "space",
        "sqlite",
        "database",
        "programs",
        "sub-reaper",
        "landlock",
        "commands",
        "server",
        "tools",
        "clients",
        "clock",
        "time zone",
    }
    assert list(data_dir.iterdir()) == []


def test_a_fault_ends_it_with_1_and_each_has_a_next_step(cli: CommandLine, data_dir: Path) -> None:
    (data_dir / "errandry.db").write_bytes(b"not a database" * 1000)
    ran = cli("doctor")
    assert ran.exit == 1
    assert [row[1] for row in lines(ran) if row[0] == "fail"] == ["database"]
    assert all(row[3] for row in lines(ran) if row[0] != "ok")


def test_with_json_each_line_is_an_object(cli: CommandLine) -> None:
    ran = cli("doctor", "--json")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert all(document.keys() == set(Finding._fields) for document in found)
    assert {document["level"] for document in found} <= {"ok", "warn", "fail"}
    assert all(document["next_step"] for document in found if document["level"] != "ok")


def test_settings_that_are_not_allowed_are_all_it_can_tell(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRANDRY_PORT", "many")
    ran = cli("doctor")
    ((level, check, says, step),) = lines(ran)
    assert (ran.exit, level, check) == (1, "fail", "settings")
    assert says.startswith("ERRANDRY_PORT: ")
    assert step == "Correct the variable, or unset it."


def test_what_cannot_be_looked_at_is_a_fault_and_the_rest_goes_on(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", broken)
    ran = cli("doctor")
    assert ran.exit == 1
    (fault,) = [row for row in lines(ran) if row[0] == "fail"]
    assert fault[1:3] == ["data folder", "cannot be looked at: [Errno 5] Input/output error"]
    assert lines(ran)[-1][1] == "time zone"
