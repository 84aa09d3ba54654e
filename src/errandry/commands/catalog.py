"""The commands of a folder, as its files say now."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from errandry.commands import definition, files
from errandry.commands.files import BadFile, FileFault
from errandry.commands.model import Command, Origin
from errandry.errors import CommandNotFound, nearest

_SETTLED_NS: Final = 2_000_000_000
"""A file read so soon after its last change may change again without a new time stamp."""

_Stamp = tuple[int, int, int, int]


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

    Nothing blocks on a lock but `create`, which is for a worker thread.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
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
        is_settled = stamp is not None and time.time_ns() - stamp[0] > _SETTLED_NS
        try:
            content = files.read(self._folder, file)
        except BadFile as error:
            return _Entry(stamp, is_settled, None, None, error.faults)
        if known and known.content == content:
            return _Entry(stamp, is_settled, content, known.command, known.faults)
        try:
            command = files.parse(file, content)
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
        close = nearest(name, [command.name for command in self.list()])
        hint = f'Use "{close[0]}" if you meant that, or list' if close else "List"
        raise CommandNotFound(
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
        command = definition.parse(document, origin)
        files.write(self._folder, command)
        self.refresh()
        return command


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
