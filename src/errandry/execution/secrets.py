"""The values of secrets, by name: from the environment of the worker, or from its secrets folder."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from errandry.execution.redact import SHORTEST

_MAX_BYTES: Final = 16 * 1024


class NoSecret(Exception):
    """A secret is missing or cannot be used; the message names it and never shows a value."""


class Secrets:
    """Looks up secrets when an attempt starts, so that a changed one counts from then on.

    `folder` holds one file for each secret, named like it. Folder and files belong to us, and
    nobody else may read them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def values(self, names: Iterable[str]) -> dict[str, str]:
        """Return the values by name.

        Raises:
            NoSecret: one of them is missing or cannot be used.
        """
        return {name: _checked(name, self._value(name)) for name in names}

    def _value(self, name: str) -> str:
        if value := os.environ.get(name):
            return value
        if self._folder is None:
            raise NoSecret(f'The secret "{name}" is not in the environment of the worker')
        try:
            _check_private(self._folder.stat(), f"the folder of the secret {name}", "700")
            with (self._folder / name).open("rb") as file:
                _check_private(os.fstat(file.fileno()), f"the file of the secret {name}", "600")
                data = file.read(_MAX_BYTES + 1)
            return data.decode().removesuffix("\n")
        except FileNotFoundError:
            message = f'The secret "{name}" is neither in the environment nor in the secrets folder of the worker'
            raise NoSecret(message) from None
        except OSError as error:
            raise NoSecret(f'The secret "{name}" cannot be read: {error.strerror}') from None
        except UnicodeDecodeError:
            raise NoSecret(f'The secret "{name}" is no UTF-8 text') from None


def _check_private(status: os.stat_result, what: str, mode: str) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise NoSecret(f"Cannot use {what}: it belongs to another account")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise NoSecret(f"Cannot use {what}: others may read it; run `chmod {mode}` on it")


def _checked(name: str, value: str) -> str:
    """Refuse what no variable can hold, and what cannot be kept out of logs."""
    if len(value.strip()) < SHORTEST:
        raise NoSecret(
            f'The secret "{name}" has fewer than {SHORTEST} characters, so it could not be told from'
            " other text in the log"
        )
    if len(value.encode("utf-8", "surrogateescape")) > _MAX_BYTES:
        raise NoSecret(f'The secret "{name}" has more than {_MAX_BYTES} bytes')
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise NoSecret(
            f'The secret "{name}" is no text: it holds a NUL, or bytes that are no UTF-8'
        )
    return value
