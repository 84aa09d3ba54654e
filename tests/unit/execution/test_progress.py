"""Reports of progress: read leniently, never trusted."""

from pathlib import Path

import pytest

from errandry.execution.progress import ProgressFile, read_progress
from errandry.tasks.model import Progress


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        (b'{"current": 3, "total": 10, "message": "third"}', Progress(3, 10, "third")),
        (b'{"current": 0.5}', Progress(0.5)),
        (b"{}", Progress()),
        (b'{"current": "3", "total": true, "message": 7}', Progress()),
        (b'{"current": 1e308}', Progress()),
        (b'{"message": "half way"}', Progress(message="half way")),
        (b"[1]", None),
        (b"not json", None),
        (b'{"current": NaN}', None),
        (b'{"message": "\\u0000"}', None),
        (b"\xff", None),
    ],
)
def test_a_report_is_taken_for_what_it_says(line: bytes, progress: Progress | None) -> None:
    assert read_progress(line) == progress


def test_a_file_gives_the_newest_whole_line_once(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    file = ProgressFile(path)
    assert file.newest() is None
    with path.open("a") as stream:
        stream.write('{"current": 1}\n{"current": 2}\n{"curr')
        stream.flush()
        assert file.newest() == Progress(2)
        assert file.newest() is None
        stream.write('ent": 3}\n')
    assert file.newest() == Progress(3)


def test_rubbish_between_reports_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    file = ProgressFile(path)
    path.write_text('{"current": 1}\nrubbish\n\n')
    assert file.newest() == Progress(1)


def test_a_file_that_grows_fast_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    file = ProgressFile(path)
    path.write_text('{"current": 1}\n' * 100_000 + '{"current": 2}\n')
    assert file.newest() == Progress(2)


def test_a_file_that_was_removed_or_written_anew_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    file = ProgressFile(path)
    path.write_text('{"current": 1}\n{"current": 2}\n')
    assert file.newest() == Progress(2)
    path.write_text("")
    assert file.newest() is None
    path.write_text('{"current": 9}\n')
    assert file.newest() == Progress(9)
    path.unlink()
    assert file.newest() is None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    file = ProgressFile(path)
    path.unlink()
    (tmp_path / "elsewhere").write_text('{"current": 1}\n')
    path.symlink_to(tmp_path / "elsewhere")
    assert file.newest() is None
