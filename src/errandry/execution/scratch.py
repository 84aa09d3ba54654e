"""The files of one attempt: a private working folder, and beside it progress and result."""

import os
import shutil
import stat
from pathlib import Path
from typing import Any, Final

from errandry.jsontext import JsonError, loads

MAX_RESULT: Final = 1024 * 1024
"""Bytes of the result document."""


class BadResult(Exception):
    """The result file holds no JSON document of at most 1 MiB; the message says why."""


class Scratch:
    """A fresh folder for one attempt (mode 0700), below the folder of its worker."""

    def __init__(self, root: Path, task_id: str, attempt: int) -> None:
        self.folder = root / f"{task_id}-{attempt}"
        self.work = self.folder / "work"
        self.progress = self.folder / "progress"
        self.result = self.folder / "result"
        self.questions = self.folder / "questions"
        shutil.rmtree(self.folder, ignore_errors=True)  # left over from a claim that was put back
        self.folder.mkdir(mode=0o700)
        self.work.mkdir(mode=0o700)

    def read_result(self) -> Any:
        """Return the document that the program wrote.

        Raises:
            FileNotFoundError: it wrote none.
            BadResult: what it wrote is too large or no JSON.
        """
        return self._read(self.result)

    def read_questions(self) -> Any:
        """Return the questions that the program wrote; raises as `read_result` does."""
        return self._read(self.questions)

    def _read(self, path: Path) -> Any:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise BadResult(f"the result cannot be read: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadResult("the result is no regular file")
            data = os.read(descriptor, MAX_RESULT + 1)
        finally:
            os.close(descriptor)
        if not data.strip():
            raise FileNotFoundError(path)
        if len(data) > MAX_RESULT:
            raise BadResult(f"the result is larger than {MAX_RESULT} bytes")
        try:
            return loads(data)
        except JsonError as error:
            raise BadResult(f"the result is no JSON document: {error}") from error

    def remove(self) -> None:
        """Delete everything, also what the program has made unreadable."""
        shutil.rmtree(self.folder, onerror=_make_removable)


def _make_removable(function: Any, path: str, _: Any) -> None:
    """Give ourselves the rights that a program took away, and try once more."""
    try:
        os.chmod(Path(path).parent, 0o700)  # noqa: PTH101
        if not os.path.islink(path):  # noqa: PTH114
            os.chmod(path, 0o700)  # noqa: PTH101
        function(path)
    except OSError:
        return  # the folder is swept when no attempt of its worker is left
