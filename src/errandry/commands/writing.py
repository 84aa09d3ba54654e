"""Changing definition files: a new one, another content, none. One writer at a time, no half file."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Generator
from pathlib import Path
from typing import Final

from errandry.commands import files, yamltext, yamlwriter
from errandry.commands.files import SUFFIXES, BadFile
from errandry.commands.model import Command
from errandry.errors import CommandExists, InvalidCommand, Unavailable

_TEMPORARY: Final = ".tmp-"
_NEXT_STEP: Final = "Make it shorter; keep long scripts in files of their own."


def create(folder: Path, command: Command) -> None:
    """Write a new file; readers see all of it or nothing, and a file that is there stays.

    Raises:
        CommandExists: there is a file for that name.
        InvalidCommand: the definition is too long for a file.
        Unavailable: the folder cannot be written to.
    """
    file = command.name + SUFFIXES[0]
    content, _ = _content(file, command)
    with held(folder):
        if _files_of(folder, command.name):
            raise _exists(command.name)
        with _draft(folder, content) as draft:
            try:
                os.link(draft, folder / file)  # unlike a rename, a link never replaces
            except FileExistsError as error:
                raise _exists(command.name) from error


def replace(folder: Path, file: str, command: Command) -> Command:
    """Give a file another content while the folder is held; return the command that it holds now.

    JSON has no comments, so a command in a `.json` file is of the origin `file` whoever wrote it.

    Raises:
        InvalidCommand: the definition is too long for a file.
    """
    content, kept = _content(file, command)
    with _draft(folder, content) as draft:
        draft.replace(folder / file)
    return kept


def only_file(folder: Path, name: str) -> str | None:
    """Return the file of a command, None when it has none.

    Raises:
        CommandExists: several files define it.
    """
    found = _files_of(folder, name)
    if len(found) > 1:
        raise CommandExists(
            f"{' and '.join(found)} define the same command",
            next_step="Remove one of these files from the commands folder first.",
        )
    return found[0] if found else None


@contextlib.contextmanager
def held(folder: Path) -> Generator[None]:
    """Hold the folder against other writers; what they see afterwards is on the disk.

    Raises:
        Unavailable: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder) as descriptor:
            yield
            os.fsync(descriptor)
    except OSError as error:
        raise Unavailable(f"The commands folder cannot be written to: {error.strerror}") from error


def sweep(folder: Path) -> None:
    """Remove what writers left behind that died in the middle; call it when a server starts."""
    with contextlib.suppress(OSError), _locked(folder):
        for stray in folder.glob(_TEMPORARY + "*"):
            stray.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[int]:
    """Readers never ask for this lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _draft(folder: Path, content: bytes) -> Generator[Path]:
    draft = folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
    try:
        with draft.open("xb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _files_of(folder: Path, name: str) -> list[str]:
    return [name + suffix for suffix in SUFFIXES if (folder / (name + suffix)).exists()]


def _content(file: str, command: Command) -> tuple[bytes, Command]:
    """Return what a file of that name is to hold, and the command that will be read from it."""
    if file.endswith(".json"):
        text = json.dumps(command.document, indent=2, ensure_ascii=False) + "\n"
    else:
        text = f"# origin: {command.origin}\n{yamlwriter.dump(command.document)}"
    content = text.encode()
    if len(content) > yamltext.MAX_BYTES:
        raise InvalidCommand(
            f"The definition takes {len(content)} bytes in a file; at most {yamltext.MAX_BYTES} are"
            " allowed",
            next_step=_NEXT_STEP,
        )
    try:
        return content, files.parse(file, content)
    except BadFile as error:
        raise InvalidCommand(
            f"The definition cannot be kept in a file: {error}", next_step=_NEXT_STEP
        ) from error


def _exists(name: str) -> CommandExists:
    return CommandExists(
        f'There is a command file for "{name}" already',
        next_step="Choose another name, or change that command.",
    )
