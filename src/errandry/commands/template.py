"""Arguments into an argument vector: one value, one element, and never through a shell."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from errandry import jsontext
from errandry.commands import pointer
from errandry.commands.explain import shown
from errandry.commands.httptemplate import render_request
from errandry.commands.model import Command, HttpSpec, ProcessSpec
from errandry.commands.placeholders import Placeholder, template
from errandry.errors import Fault, InvalidArguments

PREFIX: Final = "/arguments"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What to start. `cwd` None: a fresh private folder; `stdin` None: closed."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str | None
    stdin: str | None


def check(
    command: Command, arguments: Mapping[str, Any], awaited: frozenset[str] = frozenset()
) -> None:
    """Refuse arguments that fit the schema of the command and not what it runs.

    What is wrong with those that are `awaited` does not count yet.

    Raises:
        InvalidArguments: see `render` and `render_request`.
    """
    try:
        if isinstance(command.run, ProcessSpec):
            render(command.run, arguments)
        elif isinstance(command.run, HttpSpec):
            render_request(command.run, arguments, {})
    except InvalidArguments as error:
        places = {pointer.join(PREFIX, name) for name in awaited}
        if faults := [fault for fault in error.faults if fault.path not in places]:
            message = f"An argument cannot be used: {faults[0].message}"
            raise InvalidArguments(message, faults=faults) from error


def render(process: ProcessSpec, arguments: Mapping[str, Any]) -> Rendered:
    """Put arguments, and answers of the same names, into the places of a checked definition.

    Raises:
        InvalidArguments: a value has no text form for its place, begins with a dash where a program
            would take it for an option, holds a NUL, or is no absolute path where one is needed.
    """
    filling = _Filling(arguments)
    rendered = Rendered(
        argv=tuple(filling.argv(process)),
        env=filling.env(process),
        cwd=filling.folder(process.cwd),
        stdin=None if process.stdin is None else filling.text(process.stdin),
    )
    if filling.faults:
        first = filling.faults[0]
        raise InvalidArguments(
            f"An argument cannot be passed to the program: {first.message}", faults=filling.faults
        )
    return rendered


@dataclass(slots=True)
class _Filling:
    """One rendering: takes values from the arguments and collects all that is wrong with them."""

    arguments: Mapping[str, Any]
    faults: list[Fault] = field(default_factory=list)

    def argv(self, process: ProcessSpec) -> list[str]:
        argv: list[str] = []
        may_begin_with_dash = process.allow_dash
        for text in process.argv:
            place = template(text)
            if place.placeholder is None:
                argv.append(place.literal)
                may_begin_with_dash |= place.literal == "--"
            elif place.is_whole and place.placeholder.flag is None:
                argv += self._words(place.placeholder.name, may_begin_with_dash)
            elif (value := self.text(text)) is not None:
                argv.append(value)
        return argv

    def env(self, process: ProcessSpec) -> dict[str, str]:
        values = {name: self.text(text) for name, text in process.env.items()}
        return {name: value for name, value in values.items() if value is not None}

    def text(self, text: str) -> str | None:
        """Return the literal with the value in its place, or None when the value is absent."""
        place = template(text)
        if place.placeholder is None:
            return place.literal
        value = self._value(place.placeholder)
        return None if value is None else place.literal + value

    def folder(self, text: str | None) -> str | None:
        if text is None:
            return None
        path, placeholder = self.text(text), template(text).placeholder
        if placeholder and path is not None and not path.startswith("/"):
            self._refuse(f"{shown(path)} is no absolute path", "an absolute path", placeholder.name)
        return path

    def _value(self, placeholder: Placeholder) -> str | None:
        value = self.arguments.get(placeholder.name)
        if value is None:
            return None
        if placeholder.flag is None:
            return self._scalar(value, placeholder.name)
        if isinstance(value, bool):
            return placeholder.flag if value else None
        self._refuse("only a boolean can switch a flag", ["boolean"], placeholder.name)
        return None

    def _words(self, name: str, may_begin_with_dash: bool) -> list[str]:
        """Return an element for the value, or one for each item of a list."""
        value = self.arguments.get(name)
        if value is None:
            return []
        if isinstance(value, list):
            words = [self._word(item, may_begin_with_dash, name, n) for n, item in enumerate(value)]
        else:
            words = [self._word(value, may_begin_with_dash, name)]
        return [word for word in words if word is not None]

    def _word(self, value: Any, may_begin_with_dash: bool, *place: str | int) -> str | None:
        text = self._scalar(value, *place)
        if text is not None and text.startswith("-") and not may_begin_with_dash:
            message = f'{shown(text)} begins with "-", so the program could take it for an option'
            self._refuse(message, 'a value that does not begin with "-"', *place)
        return text

    def _scalar(self, value: Any, *place: str | int) -> str | None:
        """Return the text of a value: text as it is, a number as JSON writes it."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self._refuse("only text and numbers can stand here", ["string", "number"], *place)
            return None
        text = value if isinstance(value, str) else json.dumps(value)
        try:
            jsontext.check_text(text)
        except jsontext.JsonError as error:
            self._refuse(str(error), None, *place)
            return None
        return text

    def _refuse(self, message: str, allowed: Any, *place: str | int) -> None:
        self.faults.append(Fault(pointer.join(PREFIX, *place), message, allowed))
