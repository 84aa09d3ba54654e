import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from errandry.commands.catalog import Catalog
from errandry.commands.model import Command
from errandry.errors import (
    CommandExists,
    CommandNotFound,
    InvalidCommand,
    RevisionMismatch,
    UnknownField,
)
from unit.commands.samples import definition
from unit.commands.test_catalog import names, put


def test_a_command_can_be_made_and_is_there_at_once(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "commands")
    document = definition(name="made", tags=["x"])
    made = catalog.create(document, "api")
    assert (made.document, made.origin) == (document, "api")
    assert catalog.get("made") == made
    assert [file.name for file in (tmp_path / "commands").iterdir()] == ["made.yaml"]


def test_a_command_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    put(tmp_path, "a", "a.json")
    put(tmp_path, "hidden", expose="hidden")
    catalog = Catalog(tmp_path)
    for name in ("a", "hidden"):
        with pytest.raises(CommandExists):
            catalog.create(definition(name=name), "api")


def test_a_wrong_definition_makes_no_file(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    with pytest.raises(InvalidCommand):
        catalog.create(definition(name="../evil"), "api")
    with pytest.raises(UnknownField):
        catalog.create(definition(parametres={}), "api")
    assert list(tmp_path.iterdir()) == []


def test_of_many_who_make_the_same_command_one_succeeds(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def make(number: int) -> None:
        catalog = Catalog(tmp_path)
        start.wait(30)
        try:
            outcomes.append(catalog.create(definition(title=f"By {number}"), "agent").title or "")
        except CommandExists:
            outcomes.append("exists")

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes.count("exists") == 7
    [file] = tmp_path.iterdir()
    catalog = Catalog(tmp_path)
    assert (file.name, catalog.get("sample").title in outcomes) == ("sample.yaml", True)


@pytest.mark.parametrize("file", ["a.yaml", "a.yml", "a.json"])
def test_a_command_is_replaced_in_its_file_and_removed_with_it(tmp_path: Path, file: str) -> None:
    put(tmp_path, "a", file)
    catalog = Catalog(tmp_path)
    before = catalog.get("a").digest
    document = definition(name="a", description="Two.")
    changed = catalog.replace("a", document, "api", frozenset({before}))
    assert changed.document == document
    assert catalog.get("a") == changed
    assert [each.name for each in tmp_path.iterdir()] == [file]
    with pytest.raises(RevisionMismatch, match=changed.digest):
        catalog.replace("a", definition(name="a"), "api", frozenset({before}))
    with pytest.raises(RevisionMismatch):
        catalog.remove("a", frozenset({before}))
    assert catalog.get("a") == changed
    catalog.remove("a", frozenset({changed.digest}))
    assert (names(catalog), list(tmp_path.iterdir())) == ([], [])


def test_what_is_not_there_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "missing")
    with pytest.raises(CommandNotFound):
        catalog.replace("a", definition(name="a"), "api")
    with pytest.raises(CommandNotFound):
        catalog.remove("a")
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_nowhere_is_not_followed_into_a_change(tmp_path: Path) -> None:
    path = put(tmp_path, "a")
    catalog = Catalog(tmp_path)
    path.unlink()
    path.symlink_to("gone")
    with pytest.raises(CommandNotFound):
        catalog.remove("a")
    assert path.is_symlink()


def test_a_wrong_definition_or_another_name_leaves_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, "a")
    catalog, before = Catalog(tmp_path), path.read_text()
    with pytest.raises(InvalidCommand, match='of the command "b", not of "a"'):
        catalog.replace("a", definition(name="b"), "api")
    with pytest.raises(InvalidCommand):
        catalog.replace("a", definition(name="a", run={}), "api")
    with pytest.raises(UnknownField):
        catalog.replace("a", definition(name="a", runs=1), "api")
    assert path.read_text() == before


def test_a_broken_file_is_mended_by_a_replacement(tmp_path: Path) -> None:
    path = put(tmp_path, "a", description="One.")
    catalog = Catalog(tmp_path)
    digest = catalog.get("a").digest
    path.write_text("[")
    catalog.replace("a", definition(name="a", description="Two."), "api", frozenset({digest}))
    assert (catalog.get("a").description, catalog.faults) == ("Two.", ())


def test_of_two_files_for_one_command_neither_is_touched(tmp_path: Path) -> None:
    put(tmp_path, "a")
    catalog = Catalog(tmp_path)
    put(tmp_path, "a", "a.json")
    changes: list[Callable[[], Command | None]] = [
        lambda: catalog.replace("a", definition(name="a"), "api"),
        lambda: catalog.remove("a"),
    ]
    for change in changes:
        with pytest.raises(CommandExists, match="define the same command"):
            change()
    assert len(list(tmp_path.iterdir())) == 2


def test_of_many_who_change_the_same_version_one_succeeds(tmp_path: Path) -> None:
    put(tmp_path, "a")
    digest = Catalog(tmp_path).get("a").digest
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def change(number: int) -> None:
        catalog = Catalog(tmp_path)
        start.wait(30)
        try:
            document = definition(name="a", title=f"By {number}")
            outcomes.append(catalog.replace("a", document, "api", frozenset({digest})).title or "")
        except RevisionMismatch:
            outcomes.append("late")

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes.count("late") == 7
    assert Catalog(tmp_path).get("a").title in outcomes
