"""The files of an attempt: private, read with care, gone afterwards."""

import os
from pathlib import Path

import pytest

from errandry.execution.scratch import MAX_RESULT, BadResult, Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path, "tsk_" + "0" * 32, 1)


def test_the_working_folder_is_empty_and_private_and_the_files_lie_outside(
    scratch: Scratch,
) -> None:
    assert list(scratch.work.iterdir()) == []
    assert scratch.work.stat().st_mode & 0o777 == 0o700
    assert scratch.work not in (scratch.progress.parent, scratch.result.parent)


def test_a_folder_left_over_from_a_claim_that_was_put_back_is_replaced(tmp_path: Path) -> None:
    first = Scratch(tmp_path, "tsk_1", 1)
    (first.work / "old").touch()
    assert list(Scratch(tmp_path, "tsk_1", 1).work.iterdir()) == []


def test_the_result_is_the_document_that_was_written(scratch: Scratch) -> None:
    scratch.result.write_text('{"n": [1, null]}\n')
    assert scratch.read_result() == {"n": [1, None]}


@pytest.mark.parametrize("content", [None, "", "  \n"])
def test_no_document_is_not_a_bad_one(scratch: Scratch, content: str | None) -> None:
    if content is not None:
        scratch.result.write_text(content)
    with pytest.raises(FileNotFoundError):
        scratch.read_result()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not json", "no JSON"),
        (b'{"a": NaN}', "no JSON"),
        (b'"\\ud800"', "surrogate"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 100 + b"]" * 100, "nested"),
        (b'"' + b"x" * MAX_RESULT + b'"', "larger"),
    ],
)
def test_a_bad_document_says_why(scratch: Scratch, content: bytes, why: str) -> None:
    scratch.result.write_bytes(content)
    with pytest.raises(BadResult, match=why):
        scratch.read_result()


def test_a_result_that_is_no_file_is_not_read(scratch: Scratch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('"secret"')
    scratch.result.symlink_to(tmp_path / "secret")
    with pytest.raises(BadResult):
        scratch.read_result()
    scratch.result.unlink()
    scratch.result.mkdir()
    with pytest.raises(BadResult):
        scratch.read_result()
    scratch.result.rmdir()
    os.mkfifo(scratch.result)
    with pytest.raises(BadResult):
        scratch.read_result()


def test_everything_goes_even_what_was_made_unreadable(scratch: Scratch) -> None:
    locked = scratch.work / "a" / "b"
    locked.mkdir(parents=True)
    (locked / "file").touch()
    locked.chmod(0)
    locked.parent.chmod(0o500)
    scratch.remove()
    assert not scratch.folder.exists()
