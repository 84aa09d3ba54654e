"""Which releases of SQLite have the bug that several writers meet."""

import pytest

from errandry.tasks.sql.sqlite import has_sound_wal


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
    ],
)
def test_releases_with_the_bug_are_known(version: tuple[int, ...], sound: bool) -> None:
    assert has_sound_wal(version) is sound
