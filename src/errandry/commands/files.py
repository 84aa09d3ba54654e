"""Definition files, as they are read."""

import os
import re
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from errandry import jsontext
from errandry.commands import definition, yamltext
from errandry.commands.executors import Executors
from errandry.commands.model import Command, Origin
from errandry.errors import Fault, InvalidCommand, UnknownField

SUFFIXES: Final = (".yaml", ".yml", ".json")
_ORIGIN: Final = re.compile(rb"# origin: (api|agent)\r?\n")


@dataclass(frozen=True, slots=True)
class FileFault:
    """One thing that is wrong with a file of the folder; `line` counts from 1, None: unknown."""

    file: str
    line: int | None
    message: str

    def document(self) -> dict[str, Any]:
        """Return the fault as the wire shows it."""
        return asdict(self)


class BadFile(Exception):
    """A file holds no good definition; `faults` say why."""

    def __init__(self, faults: list[FileFault]) -> None:
        super().__init__(
            "; ".join(f"{fault.file}:{fault.line}: {fault.message}" for fault in faults)
        )
        self.faults = tuple(faults)


def is_definition(file: str) -> bool:
    """Whether a file name is one that a definition may have."""
    return file.endswith(SUFFIXES) and not file.startswith(".")


def read(folder: Path, file: str) -> bytes:
    """Return what a definition file holds.

    Raises:
        BadFile: no regular file inside the folder, too long, or not readable.
    """
    path = folder / file
    try:
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
            raise _bad(file, "the link leads out of the folder")
        # A named pipe would block an ordinary open until somebody writes.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise _bad(file, "this is no regular file")
            content = opened.read(yamltext.MAX_BYTES + 1)
    except OSError as error:
        raise _bad(file, f"cannot be read: {error.strerror}") from error
    if len(content) > yamltext.MAX_BYTES:
        raise _bad(file, f"more than {yamltext.MAX_BYTES} bytes")
    return content


def parse(file: str, content: bytes, executors: Executors | None = None) -> Command:
    """Return the command that a file defines; see `definition.parse`.

    Raises:
        BadFile: no YAML or JSON as we accept it, a wrong definition, or another name than the file.
    """
    document = _document(file, content)
    try:
        command = definition.parse(document.value, _origin(content), executors)
    except (InvalidCommand, UnknownField) as error:
        raise BadFile([_file_fault(file, document, fault) for fault in error.faults]) from error
    stem = file.rpartition(".")[0]
    if command.name != stem:
        message = f'the command is named "{command.name}"; name the file {command.name}.yaml'
        raise BadFile([FileFault(file, document.line_of("/name"), message)])
    return command


def _document(file: str, content: bytes) -> yamltext.Document:
    try:
        if file.endswith(".json"):
            return yamltext.Document(jsontext.loads(content, yamltext.MAX_DEPTH), {})
        return yamltext.read(content)
    except (yamltext.YamlError, jsontext.JsonError) as error:
        raise BadFile([FileFault(file, error.line, str(error))]) from error


def _file_fault(file: str, document: yamltext.Document, fault: Fault) -> FileFault:
    line = document.line_of(fault.path) if document.lines else None
    where = f"{fault.path}: " if fault.path else ""
    allowed = (
        fault.allowed
        if isinstance(fault.allowed, str)
        else ", ".join(map(str, fault.allowed or ()))
    )
    return FileFault(
        file, line, where + fault.message + (f" (allowed: {allowed})" if allowed else "")
    )


def _origin(content: bytes) -> Origin:
    match = _ORIGIN.match(content)
    if match is None:
        return "file"
    return "agent" if match[1] == b"agent" else "api"


def _bad(file: str, message: str) -> BadFile:
    return BadFile([FileFault(file, None, message)])
