"""The commands of a folder, as its files say now."""

import contextlib
import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from errandry.commands import definition, files, writing
from errandry.commands.executors import Executors
from errandry.commands.files import BadFile, FileFault
from errandry.commands.model import Command, Origin
from errandry.errors import CommandNotFound, Fault, InvalidCommand, RevisionMismatch, nearest

_SETTLED_NS: Final = 2_000_000_000
"""A file read so soon after its last change may change again without a new time stamp."""

_Stamp = tuple[int, int, int, int]
"""Content changed (nanoseconds), anything changed (nanoseconds), size, inode."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file as it was read; `command` is None when it holds no good definition."""

    stamp: _Stamp | None
    is_settled: bool
    content: bytes | None
    command: Command | None
    faults: tuple[FileFault, ...]


class Catalog:
    """Commands by name. A file that breaks leaves its last good version in place.

    Nothing blocks on a lock but `create`, `replace` and `remove`, which are for a worker thread.
    `now_ns` is the clock that the time stamps of files are on. What is for executors of other packages
    is checked with `executors`, without them not at all.
    """

    def __init__(
        self,
        folder: Path,
        now_ns: Callable[[], int] = time.time_ns,
        executors: Executors | None = None,
    ) -> None:
        self._folder = folder
        self._executors = executors
        self._now_ns = now_ns
        self._entries: Mapping[str, _Entry] = {}
        self._commands: Mapping[str, Command] = {}
        self._file_faults: tuple[FileFault, ...] = ()
        self._folder_fault: FileFault | None = None
        self.refresh()

    @property
    def faults(self) -> tuple[FileFault, ...]:
        """What is wrong with the folder and its files, by name."""
        return (self._folder_fault, *self._file_faults) if self._folder_fault else self._file_faults

    def refresh(self) -> None:
        """Take over what changed in the folder; cheap when nothing did. A missing folder is empty."""
        try:
            stamps = _stamps(self._folder)
        except FileNotFoundError:
            stamps = {}
        except OSError as error:
            reason = f"the folder cannot be read: {error.strerror}"
            self._folder_fault = FileFault(str(self._folder), None, reason)
            return
        self._folder_fault = None
        if self._is_current(stamps):
            return
        entries = {file: self._entry(file, stamp) for file, stamp in sorted(stamps.items())}
        self._entries = entries
        self._take_over(entries)

    def _is_current(self, stamps: Mapping[str, _Stamp | None]) -> bool:
        entries = self._entries
        return len(stamps) == len(entries) and all(
            (entry := entries.get(file)) is not None and entry.is_settled and entry.stamp == stamp
            for file, stamp in stamps.items()
        )

    def _entry(self, file: str, stamp: _Stamp | None) -> _Entry:
        known = self._entries.get(file)
        if known and known.is_settled and known.stamp == stamp:
            return known
        # Anybody may set the first time back, nobody the second: the later one counts.
        is_settled = stamp is not None and self._now_ns() - max(stamp[:2]) > _SETTLED_NS
        try:
            content = files.read(self._folder, file)
        except BadFile as error:
            return _Entry(stamp, is_settled, None, None, error.faults)
        if known and known.content == content:
            return _Entry(stamp, is_settled, content, known.command, known.faults)
        try:
            command = files.parse(file, content, self._executors)
        except BadFile as error:
            return _Entry(stamp, is_settled, content, None, error.faults)
        return _Entry(stamp, is_settled, content, command, ())

    def _take_over(self, entries: Mapping[str, _Entry]) -> None:
        by_name: dict[str, list[str]] = {}
        for file in entries:
            by_name.setdefault(file.rpartition(".")[0], []).append(file)
        commands: dict[str, Command] = {}
        faults: list[FileFault] = []
        for name, same in sorted(by_name.items()):
            faults += [fault for file in same for fault in entries[file].faults]
            faults += [_twice(file, same) for file in same[1:]]
            found = entries[same[0]].command if len(same) == 1 else None
            if command := found or self._commands.get(name):
                commands[name] = command
        self._commands = commands
        self._file_faults = tuple(faults)

    def get(self, name: str) -> Command:
        """Return the command of that exact name, hidden ones too.

        Raises:
            CommandNotFound: there is none; `did_you_mean` names the nearest visible ones.
        """
        if command := self._commands.get(name):
            return command
        raise self._not_found(name)

    def _not_found(self, name: str) -> CommandNotFound:
        close = nearest(name, [command.name for command in self.list()])
        hint = f'Use "{close[0]}" if you meant that, or list' if close else "List"
        return CommandNotFound(
            f'There is no command "{name}"',
            next_step=f"{hint} the commands that there are (find_commands, GET /commands).",
            did_you_mean=close,
        )

    def list(self, query: str | None = None, tag: str | None = None) -> list[Command]:
        """Return the visible commands by name: with every word of the query, and with the tag."""
        words = (query or "").casefold().split()
        return [
            command
            for command in self._commands.values()
            if command.expose != "hidden"
            and (tag is None or tag in command.tags)
            and _mentions(command, words)
        ]

    def create(self, document: dict[str, Any], origin: Origin) -> Command:
        """Write a new definition into the folder and return its command.

        Raises:
            InvalidCommand, UnknownField: the definition is wrong.
            CommandExists: the name is taken.
            Unavailable: the folder cannot be written to.
        """
        command = definition.parse(document, origin, self._executors)
        writing.create(self._folder, command)
        self.refresh()
        return command

    def replace(
        self,
        name: str,
        document: dict[str, Any],
        origin: Origin,
        expected: frozenset[str] | None = None,
    ) -> Command:
        """Write another definition into the file of a command; the file keeps its name.

        Raises:
            InvalidCommand, UnknownField: the definition is wrong, or of another command.
            CommandNotFound, RevisionMismatch, CommandExists, Unavailable: see `remove`.
        """
        command = definition.parse(document, origin, self._executors)
        if command.name != name:
            message = f'The definition is of the command "{command.name}", not of "{name}"'
            raise InvalidCommand(message, faults=[Fault("/name", message, [name])])
        with self._held(name, expected) as file:
            kept = writing.replace(self._folder, file, command)
        self.refresh()
        return kept

    def remove(self, name: str, expected: frozenset[str] | None = None) -> None:
        """Remove the file of a command; tasks that were made from it stay as they are.

        Raises:
            CommandNotFound: there is no such command.
            RevisionMismatch: its digest is not the expected one.
            CommandExists: several files define it, so none of them is touched.
            Unavailable: the folder cannot be written to.
        """
        with self._held(name, expected) as file:
            (self._folder / file).unlink()
        self.refresh()

    @contextlib.contextmanager
    def _held(self, name: str, expected: frozenset[str] | None) -> Generator[str]:
        """Hold the folder, and yield the file of a command whose digest is the expected one."""
        self.refresh()
        known = self.get(name)
        with writing.held(self._folder):
            file = writing.only_file(self._folder, name)
            if file is None:
                raise self._not_found(name)
            with contextlib.suppress(files.BadFile):  # then the last good version is what counts
                known = files.parse(file, files.read(self._folder, file))
            if expected is not None and known.digest not in expected:
                raise RevisionMismatch(
                    f'The command "{name}" has the digest {known.digest}, which was not named',
                    next_step="Read the command again and decide anew.",
                )
            yield file


def _stamps(folder: Path) -> dict[str, _Stamp | None]:
    with os.scandir(folder) as found:
        return {entry.name: _stamp(entry) for entry in found if files.is_definition(entry.name)}


def _stamp(entry: os.DirEntry[str]) -> _Stamp | None:
    try:
        status = entry.stat()
    except OSError:  # gone since, or a link that leads nowhere
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _twice(file: str, same: list[str]) -> FileFault:
    others = " and ".join(other for other in same if other != file)
    return FileFault(file, None, f"{others} defines the same command; remove one of them")


def _mentions(command: Command, words: list[str]) -> bool:
    text = " ".join(
        [command.name, command.title or "", command.description, *command.tags]
    ).casefold()
    return all(word in text for word in words)
