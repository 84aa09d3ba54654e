"""The configuration file of one client: our entry in it, and how it is changed safely."""

import contextlib
import copy
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from errandry import clock
from errandry.cli import jsonmerge, tomlmerge
from errandry.cli.clients import NAME, Client
from errandry.cli.exits import Exit, Refusal

_FORMS: Final[Mapping[str, ModuleType]] = {"json": jsonmerge, "toml": tomlmerge}


class ClientConfig:
    """One file as it was read; it may not exist yet."""

    def __init__(self, client: Client, path: Path) -> None:
        """Read the file.

        Raises:
            Refusal: it cannot be read or understood.
        """
        self.path = path
        self._client = client
        self._file = path.resolve()  # a link stays one: what it leads to is written
        self._form = _FORMS[client.form]
        try:
            self._before = self._file.read_bytes() if self._file.exists() else None
            self._text = (self._before or b"").decode()
            self._document = self._form.load(self._text)
        except OSError as error:
            raise Refusal(Exit.USAGE, f"Cannot read {path}: {error.strerror}") from error
        except ValueError as error:
            raise self._unclear(f"it is no {client.form.upper()}: {error}") from error
        if not isinstance(self._document, dict):
            raise self._unclear("it is no object")
        if not isinstance(self._document.get(client.section, {}), dict):
            raise self._unclear(f"{client.section} is no object")
        if not (client.takes_comments or self._form.is_plain(self._text)):
            raise self._unclear(
                f"it has comments or trailing commas, and {client.title} reads plain JSON"
            )

    @property
    def entry(self) -> Any:
        """Our entry, None if there is none."""
        return self._document.get(self._client.section, {}).get(NAME)

    def put(self, entry: Mapping[str, Any]) -> Path | None:
        """Write our entry into the file; return the backup, None if there was no file.

        Raises:
            Refusal: the file cannot be written, was changed meanwhile, or is written in a way that
                only a person can change.
        """
        wanted = copy.deepcopy(self._document)
        wanted.setdefault(self._client.section, {})[NAME] = entry
        return self._replace(self._form.put(self._text, self._client.section, entry), wanted)

    def drop(self) -> Path | None:
        """Take our entry out; a file that holds nothing else is removed. Return the backup.

        Raises:
            Refusal: as for `put`.
        """
        wanted = copy.deepcopy(self._document)
        del wanted[self._client.section][NAME]
        if not wanted[self._client.section]:
            del wanted[self._client.section]
        return self._replace(self._form.drop(self._text, self._client.section), wanted)

    def _replace(self, text: str, wanted: Mapping[str, Any]) -> Path | None:
        if not self._says(text, wanted):
            raise self._unclear(f"the way it is written leaves no safe place for {NAME} alone")
        try:
            if (self._file.read_bytes() if self._file.exists() else None) != self._before:
                raise Refusal(Exit.CONFLICT, f"{self.path} has just been changed; try again")
            backup = self._back_up()
            if text:
                self._write(text.encode())
            else:
                self._file.unlink()
        except OSError as error:
            raise Refusal(Exit.USAGE, f"Cannot write {self.path}: {error.strerror}") from error
        return backup

    def _says(self, text: str, wanted: Mapping[str, Any]) -> bool:
        try:
            return bool(self._form.load(text) == wanted)
        except ValueError:
            return False

    def _back_up(self) -> Path | None:
        if self._before is None:
            return None
        backup = self._file.with_name(f"{self._file.name}.{clock.now():%Y%m%dT%H%M%S%fZ}.bak")
        descriptor = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._mode())
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._before)
        return backup

    def _write(self, content: bytes) -> None:
        """Put the file in place in one step, with the mode it had."""
        mode = self._mode()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=f".{NAME}-", dir=self._file.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            Path(draft).replace(self._file)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(draft).unlink()
            raise

    def _mode(self) -> int:
        """Others' entries may hold secrets: a file of ours is for the owner alone."""
        return 0o600 if self._before is None else self._file.stat().st_mode & 0o777

    def _unclear(self, reason: str) -> Refusal:
        return Refusal(
            Exit.USAGE,
            f"{self.path} stays as it is: {reason}",
            "Put it right, or change it by hand; errandry install … --print shows the entry.",
        )
