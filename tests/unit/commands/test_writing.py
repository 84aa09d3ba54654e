import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errandry.commands import files, writing
from errandry.commands.definition import parse
from errandry.errors import CommandExists, InvalidCommand, Unavailable
from unit.commands.samples import command, definition


def test_a_new_file_is_written_with_its_origin_and_nothing_else(tmp_path: Path) -> None:
    made = parse(definition(name="made"), "api")
    writing.create(tmp_path / "new" / "folder", made)
    [file] = (tmp_path / "new" / "folder").iterdir()
    assert file.name == "made.yaml"
    assert file.read_text().startswith("# origin: api\nname: made\ndescription: A sample.\n")
    assert files.parse(file.name, file.read_bytes()) == made


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(_TEXT, _VALUES, max_size=4))
def test_what_is_written_reads_back_with_the_same_digest(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    made = parse(definition(run={"theirs": fields}), "agent")
    writing.create(tmp_path, made)
    content = files.read(tmp_path, "sample.yaml")
    (tmp_path / "sample.yaml").unlink()
    found = files.parse("sample.yaml", content)
    assert (found.digest, found.origin) == (made.digest, "agent")


@pytest.mark.parametrize("suffix", ["yaml", "yml", "json"])
def test_a_file_that_is_there_is_never_replaced(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"sample.{suffix}").write_text("broken: [")
    with pytest.raises(CommandExists):
        writing.create(tmp_path, command())
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        (f"sample.{suffix}", "broken: [")
    ]


def test_a_link_that_leads_nowhere_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").symlink_to("gone")
    with pytest.raises(CommandExists):
        writing.create(tmp_path, command())
    assert [file.name for file in tmp_path.iterdir()] == ["sample.yaml"]


def test_a_definition_that_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    long = command(run={"process": {"argv": ["sh", "-c", "x" * 70_000]}})
    with pytest.raises(InvalidCommand, match="at most 65536"):
        writing.create(tmp_path, long)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written to"):
        writing.create(tmp_path / "file", command())


def test_what_dead_writers_left_is_swept(tmp_path: Path) -> None:
    for name in (".tmp-1", ".tmp-2.yaml", "good.yaml", ".other"):
        (tmp_path / name).write_text("")
    writing.sweep(tmp_path)
    writing.sweep(tmp_path / "missing")
    assert sorted(file.name for file in tmp_path.iterdir()) == [".other", "good.yaml"]


@pytest.mark.parametrize(
    ("file", "origin"), [("sample.yaml", "api"), ("sample.yml", "api"), ("sample.json", "file")]
)
def test_a_file_that_is_replaced_keeps_its_name_and_its_kind(
    tmp_path: Path, file: str, origin: str
) -> None:
    (tmp_path / file).write_text(json.dumps(definition()))
    wanted = parse(definition(description="An Ümläut.", tags=["x"]), "api")
    kept = writing.replace(tmp_path, file, wanted)
    assert [each.name for each in tmp_path.iterdir()] == [file]
    assert files.parse(file, files.read(tmp_path, file)) == kept
    assert (kept.digest, kept.document, kept.origin) == (wanted.digest, wanted.document, origin)


def test_the_file_of_a_command_is_found_unless_there_are_several(tmp_path: Path) -> None:
    assert writing.only_file(tmp_path, "sample") is None
    (tmp_path / "sample.yml").write_text("")
    assert writing.only_file(tmp_path, "sample") == "sample.yml"
    (tmp_path / "sample.json").write_text("")
    with pytest.raises(CommandExists, match=r"sample\.yml and sample\.json define"):
        writing.only_file(tmp_path, "sample")


def test_a_definition_of_too_many_values_is_refused(tmp_path: Path) -> None:
    many = command(parameters={"type": "object", "enum": [1] * 10_000})
    with pytest.raises(InvalidCommand, match="cannot be kept in a file"):
        writing.create(tmp_path, many)
    assert list(tmp_path.iterdir()) == []
