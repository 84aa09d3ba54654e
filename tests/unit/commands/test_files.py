import fcntl
import json
import os
from pathlib import Path

import pytest

from errandry.commands import files
from errandry.commands.files import BadFile, FileFault
from unit.commands.samples import command, definition

GOOD = b"name: good\ndescription: A sample.\nrun: {process: {argv: ['true']}}\n"


def faults(folder: Path, file: str) -> list[FileFault]:
    with pytest.raises(BadFile) as refused:
        files.parse(file, files.read(folder, file))
    return list(refused.value.faults)


@pytest.mark.parametrize("suffix", ["yaml", "yml", "json"])
def test_a_file_of_each_kind_is_read(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"sample.{suffix}").write_text(json.dumps(definition()))
    content = files.read(tmp_path, f"sample.{suffix}")
    assert files.parse(f"sample.{suffix}", content) == command()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("a.yaml", True),
        ("a.yml", True),
        ("a.json", True),
        (".a.yaml", False),
        (".tmp-1.yaml", False),
        ("a.yaml~", False),
        ("README.md", False),
        ("yaml", False),
    ],
)
def test_only_some_file_names_are_those_of_definitions(file: str, expected: bool) -> None:
    assert files.is_definition(file) is expected


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"name: good\nrun: [1\n", 3, "while parsing a flow sequence"),
        (b"name: good\ndescription: &x a\n", 2, "anchors (&x) are not allowed"),
        (GOOD + b"timeout_s: '5'\n", 4, '/timeout_s: "5" is of the wrong type (allowed: number)'),
        (GOOD + b"timeout: 5\n", 4, '/timeout: There is no field "timeout"; did you mean'),
        (GOOD.replace(b"good", b"other"), 1, 'the command is named "other"; name the file other'),
        (b"name: good\n\nrun:\n  process:\n    argv: [a, '{x}']\n", 5, "/run/process/argv/1: {x}"),
        (b"name: good\n\nrun:\n  process: {}\n", 4, '/run/process/argv: "argv" is missing'),
        (b"[]", 1, "[] is of the wrong type (allowed: object)"),
    ],
)
def test_a_fault_has_file_line_and_message(
    tmp_path: Path, content: bytes, line: int, message: str
) -> None:
    (tmp_path / "good.yaml").write_bytes(content)
    found = faults(tmp_path, "good.yaml")
    assert [f for f in found if f.line == line and f.message.startswith(message)], found
    assert {fault.file for fault in found} == {"good.yaml"}


def test_all_faults_of_a_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("name: good\ntimeout_s: x\nwait_s: y\n")
    assert [fault.line for fault in faults(tmp_path, "good.yaml")] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("content", "line"),
    [("{\n'a': 1}", 2), ('{"name": "a",\n"name": "b"}', None), ('{"name": 5}', None)],
)
def test_faults_of_json_have_a_line_where_one_is_known(
    tmp_path: Path, content: str, line: int | None
) -> None:
    (tmp_path / "good.json").write_text(content)
    assert faults(tmp_path, "good.json")[0].line == line


def test_a_fault_is_shown_as_the_wire_has_it() -> None:
    assert FileFault("a.yaml", 3, "wrong").document() == {
        "file": "a.yaml",
        "line": 3,
        "message": "wrong",
    }


def test_a_file_of_more_than_64_kib_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_bytes(GOOD + b"#" * 65_536)
    assert faults(tmp_path, "good.yaml") == [FileFault("good.yaml", None, "more than 65536 bytes")]


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    """As Kubernetes lays out a ConfigMap."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "good.yaml").write_bytes(GOOD)
    (tmp_path / "good.yaml").symlink_to("..data/good.yaml")
    assert files.read(tmp_path, "good.yaml") == GOOD


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "good.yaml").write_bytes(GOOD)
    (tmp_path / "link").symlink_to("real")
    assert files.read(tmp_path / "link", "good.yaml") == GOOD


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_bytes(GOOD)
    folder = tmp_path / "commands"
    folder.mkdir()
    (folder / "good.yaml").symlink_to("../outside.yaml")
    assert faults(folder, "good.yaml") == [
        FileFault("good.yaml", None, "the link leads out of the folder")
    ]


def test_what_is_no_regular_file_is_not_read_and_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "nowhere.yaml").symlink_to("gone.yaml")
    for name in ("pipe", "folder", "loop", "nowhere", "missing"):
        [fault] = faults(tmp_path, f"{name}.yaml")
        assert fault.line is None


@pytest.mark.parametrize(
    ("first_line", "origin"),
    [
        ("# origin: api\n", "api"),
        ("# origin: agent\n", "agent"),
        ("# origin: api\r\n", "api"),
        ("# origin: file\n", "file"),
        ("# origin: admin\n", "file"),
        ("\n# origin: agent\n", "file"),
        ("", "file"),
    ],
)
def test_the_origin_stands_in_the_first_line(first_line: str, origin: str) -> None:
    assert files.parse("good.yaml", first_line.encode() + GOOD).origin == origin


def test_a_reader_never_waits_for_a_writer(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_bytes(GOOD)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert files.read(tmp_path, "good.yaml") == GOOD
    finally:
        os.close(descriptor)
