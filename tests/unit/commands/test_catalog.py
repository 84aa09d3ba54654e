import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from errandry.commands.catalog import Catalog
from errandry.errors import CommandNotFound
from unit.commands.samples import definition


def put(folder: Path, name: str, file: str | None = None, **changes: Any) -> Path:
    """Write a definition into a folder."""
    path = folder / (file or f"{name}.yaml")
    path.write_text(json.dumps(definition(name=name, **changes)))
    return path


def age(path: Path) -> None:
    """Let a file look as if it had been written long ago."""
    os.utime(path, (1_000_000_000, 1_000_000_000))


def later() -> int:
    """The clock of somebody who looks when every file is settled."""
    return time.time_ns() + 60 * 1_000_000_000


def names(catalog: Catalog, **wanted: str) -> list[str]:
    catalog.refresh()
    return [command.name for command in catalog.list(**wanted)]


def test_the_commands_of_a_folder_are_listed_by_name(tmp_path: Path) -> None:
    put(tmp_path, "b")
    put(tmp_path, "c", "c.json")
    put(tmp_path, "a", "a.yml")
    (tmp_path / "README.md").write_text("no command")
    catalog = Catalog(tmp_path)
    assert names(catalog) == ["a", "b", "c"]
    assert catalog.faults == ()


def test_a_folder_that_is_not_there_is_empty_until_it_is(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "commands")
    assert (names(catalog), catalog.faults) == ([], ())
    (tmp_path / "commands").mkdir()
    put(tmp_path / "commands", "a")
    assert names(catalog) == ["a"]


def test_new_changed_and_removed_files_are_seen(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    path = put(tmp_path, "a", description="One.")
    assert names(catalog) == ["a"]
    put(tmp_path, "a", description="Two.")
    catalog.refresh()
    assert catalog.get("a").description == "Two."
    path.unlink()
    assert names(catalog) == []


def test_a_change_within_the_same_time_stamp_is_seen(tmp_path: Path) -> None:
    path = put(tmp_path, "a", description="One.")
    catalog = Catalog(tmp_path)
    status = path.stat()
    path.write_text(path.read_text().replace("One.", "Two."))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    catalog.refresh()
    assert catalog.get("a").description == "Two."


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    """As `cp --preserve` and archives leave it: a time of long ago, set again after the change."""
    path = put(tmp_path, "a", description="One.")
    age(path)
    catalog = Catalog(tmp_path)
    size = path.stat().st_size
    path.write_text(path.read_text().replace("One.", "Two."))
    age(path)
    assert path.stat().st_size == size
    catalog.refresh()
    assert catalog.get("a").description == "Two."


def test_another_file_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    path = put(tmp_path, "a", description="One.")
    age(path)
    catalog = Catalog(tmp_path, later)
    other = tmp_path / "other"
    other.write_text(path.read_text().replace("One.", "Two."))
    age(other)
    other.replace(path)
    catalog.refresh()
    assert catalog.get("a").description == "Two."


def test_a_settled_file_is_not_read_again(tmp_path: Path) -> None:
    path = put(tmp_path, "a")
    catalog = Catalog(tmp_path, later)
    before = catalog.get("a")
    put(tmp_path, "c")
    catalog.refresh()
    assert catalog.get("a") is before
    (tmp_path / "c.yaml").unlink()
    path.chmod(0o600)
    catalog.refresh()
    put(tmp_path, "b")
    assert names(catalog) == ["a", "b"]
    assert catalog.get("a") is before, "the same content gives the same command"


def test_a_file_that_breaks_keeps_its_last_good_version(tmp_path: Path) -> None:
    path = put(tmp_path, "a", description="One.")
    catalog = Catalog(tmp_path)
    path.write_text("name: a\nrun: [\n")
    assert names(catalog) == ["a"]
    assert catalog.get("a").description == "One."
    assert [(fault.file, fault.line) for fault in catalog.faults] == [("a.yaml", 3)]
    put(tmp_path, "a", description="Two.")
    catalog.refresh()
    assert (catalog.get("a").description, catalog.faults) == ("Two.", ())


def test_a_broken_file_that_goes_takes_its_last_good_version_along(tmp_path: Path) -> None:
    path = put(tmp_path, "a")
    catalog = Catalog(tmp_path)
    path.write_text("[")
    catalog.refresh()
    path.unlink()
    assert (names(catalog), catalog.faults) == ([], ())


def test_one_broken_file_does_not_stop_the_others(tmp_path: Path) -> None:
    put(tmp_path, "good")
    texts = ["{{{", "a: &x [1]\nb: *x\n", "\x00\x01", "name: other\n", "[" * 3000, ""]
    for number, text in enumerate(texts):
        (tmp_path / f"bad{number}.yaml").write_text(text)
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "link.yaml").symlink_to("nowhere")
    catalog = Catalog(tmp_path)
    assert names(catalog) == ["good"]
    bad = [f"bad{number}.yaml" for number in range(len(texts))]
    assert {fault.file for fault in catalog.faults} == {*bad, "folder.yaml", "link.yaml"}


def test_two_files_with_one_name_are_a_fault(tmp_path: Path) -> None:
    put(tmp_path, "a")
    second = put(tmp_path, "a", "a.json")
    catalog = Catalog(tmp_path)
    assert names(catalog) == []
    [fault] = catalog.faults
    assert {"a.yaml", "a.json"} == {fault.file, fault.message.partition(" ")[0]}
    second.unlink()
    assert (names(catalog), catalog.faults) == (["a"], ())


def test_a_second_file_leaves_the_version_that_was_known(tmp_path: Path) -> None:
    put(tmp_path, "a", description="One.")
    catalog = Catalog(tmp_path)
    put(tmp_path, "a", "a.yml", description="Two.")
    catalog.refresh()
    assert catalog.get("a").description == "One."
    assert len(catalog.faults) == 1


def test_a_folder_that_cannot_be_read_is_told_and_keeps_its_commands(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    put(folder, "a")
    catalog = Catalog(folder)
    folder.rename(tmp_path / "moved")
    folder.write_text("no folder")
    assert names(catalog) == ["a"]
    [fault] = catalog.faults
    assert fault.message.startswith("the folder cannot be read")
    folder.unlink()
    (tmp_path / "moved").rename(folder)
    assert (names(catalog), catalog.faults) == (["a"], ())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("usage", ["disk"]),
        ("USAGE Disk", ["disk"]),
        ("free", ["disk", "memory"]),
        ("free ram", ["memory"]),
        ("memory", ["memory"]),
        ("nothing", []),
        ("", ["disk", "memory"]),
    ],
)
def test_a_query_finds_words_in_all_that_a_caller_sees(
    tmp_path: Path, query: str, expected: list[str]
) -> None:
    put(tmp_path, "disk", title="Disk usage", description="How much is free.", tags=["ops"])
    put(tmp_path, "memory", description="Free RAM.", tags=["ops", "ram"])
    assert names(Catalog(tmp_path), query=query) == expected


def test_a_tag_finds_what_has_it(tmp_path: Path) -> None:
    put(tmp_path, "a", tags=["ops"])
    put(tmp_path, "b", tags=["ops-more"])
    assert names(Catalog(tmp_path), tag="ops") == ["a"]


def test_a_hidden_command_is_got_by_its_name_and_shown_nowhere(tmp_path: Path) -> None:
    put(tmp_path, "secret-job", expose="hidden")
    catalog = Catalog(tmp_path)
    assert catalog.get("secret-job").name == "secret-job"
    assert names(catalog) == []
    with pytest.raises(CommandNotFound) as refused:
        catalog.get("secret-jobs")
    assert refused.value.facts == {"did_you_mean": []}
    assert "secret-job " not in str(refused.value.next_step)


def test_a_command_that_is_not_there_is_answered_with_the_nearest(tmp_path: Path) -> None:
    put(tmp_path, "disk-usage")
    with pytest.raises(CommandNotFound) as refused:
        Catalog(tmp_path).get("disk-usge")
    assert refused.value.facts == {"did_you_mean": ["disk-usage"]}
    assert refused.value.next_step == (
        'Use "disk-usage" if you meant that, or list the commands that there are'
        " (find_commands, GET /commands)."
    )
