"""What a process specification must obey beyond its shape, checked once when it is read."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from errandry.commands import pointer
from errandry.commands.model import VARIABLE, ProcessSpec
from errandry.commands.placeholders import BadTemplate, Placeholder, Template, template
from errandry.errors import Fault, nearest

_SCALARS: Final = frozenset({"string", "number", "integer"})
_RESERVED: Final = "ERRANDRY_"
_PROGRAM: Final = "a name in PATH, or an absolute path"


def process_faults(
    process: ProcessSpec, parameters: Mapping[str, Any], prefix: str = "/run/process"
) -> Iterator[Fault]:
    """Yield what is wrong with placeholders and variables; `parameters` are schemas by name."""
    yield from _program_faults(process.argv[0], pointer.join(prefix, "argv", 0))
    for index, text in enumerate(process.argv[1:], start=1):
        path = pointer.join(prefix, "argv", index)
        yield from _text_faults(text, parameters, path, may_have_literal=True)
    for name, text in process.env.items():
        path = pointer.join(prefix, "env", name)
        yield from _variable_faults(name, path)
        yield from _text_faults(text, parameters, path)
    for index, name in enumerate(process.inherit_env):
        yield from _variable_faults(name, pointer.join(prefix, "inherit_env", index))
    if process.stdin is not None:
        yield from _text_faults(process.stdin, parameters, pointer.join(prefix, "stdin"))
    if process.cwd is not None:
        path = pointer.join(prefix, "cwd")
        yield from _text_faults(process.cwd, parameters, path)
        yield from _folder_faults(process.cwd, path)


def _program_faults(text: str, path: str) -> Iterator[Fault]:
    try:
        program = template(text)
    except BadTemplate as error:
        yield Fault(path, str(error))
        return
    if program.placeholder:
        yield Fault(path, "the program may not depend on arguments", _PROGRAM)
    elif not text or ("/" in text and not text.startswith("/")):
        yield Fault(path, f'"{text}" names no program', _PROGRAM)


def _folder_faults(text: str, path: str) -> Iterator[Fault]:
    with contextlib.suppress(BadTemplate):  # told already
        folder = template(text)
        if folder.placeholder is None and not folder.literal.startswith("/"):
            allowed = "an absolute path, or one placeholder"
            yield Fault(path, "the folder is no absolute path", allowed)


def _text_faults(
    text: str, parameters: Mapping[str, Any], path: str, *, may_have_literal: bool = False
) -> Iterator[Fault]:
    try:
        found = template(text)
    except BadTemplate as error:
        yield Fault(path, str(error))
        return
    if found.placeholder is None:
        return
    if found.literal and not may_have_literal:
        yield Fault(
            path, "text and a placeholder cannot be joined here", "a literal, or one placeholder"
        )
    yield from unknown_name(found.placeholder, parameters, path)
    yield from _type_faults(found, found.placeholder, parameters, path, may_expand=may_have_literal)


def unknown_name(
    placeholder: Placeholder, parameters: Mapping[str, Any], path: str
) -> Iterator[Fault]:
    """Yield a fault when no parameter has the name of the placeholder."""
    if placeholder.secret is not None:
        message = f"{placeholder} cannot stand here; a program finds its secrets in its environment"
        yield Fault(path, message, "a header value or the body of http")
        return
    if placeholder.name in parameters:
        return
    close = nearest(placeholder.name, parameters, 1)
    hint = f'; did you mean "{close[0]}"?' if close else "; {{ and }} are literal braces"
    yield Fault(path, f"{placeholder} names no parameter{hint}", sorted(parameters))


def _type_faults(
    found: Template,
    placeholder: Placeholder,
    parameters: Mapping[str, Any],
    path: str,
    *,
    may_expand: bool,
) -> Iterator[Fault]:
    types = declared_types(parameters.get(placeholder.name))
    if placeholder.flag is not None:
        fitting = frozenset({"boolean"})
    elif may_expand and found.is_whole:
        fitting = _SCALARS | {"array"}
    else:
        fitting = _SCALARS
    if not types or types & fitting:
        return
    message = f'the parameter "{placeholder.name}" is of the type {" or ".join(sorted(types))}'
    if "boolean" in types:
        message += f"; write {{{placeholder.name}?--{placeholder.name}}} to switch a flag"
    elif "array" in types:
        message += "; it can only be a whole element of argv"
    yield Fault(path, message, sorted(fitting))


def declared_types(schema: Any) -> frozenset[str]:
    """Return the types that a schema names, without null, or nothing when it names none."""
    declared = schema.get("type") if isinstance(schema, dict) else None
    names = declared if isinstance(declared, list) else [declared]
    return frozenset(name for name in names if isinstance(name, str)) - {"null"}


def secret_faults(names: Iterable[Any], prefix: str = "/secrets") -> Iterator[Fault]:
    """Yield what is wrong with the names of secrets: each becomes a variable of the program."""
    for index, name in enumerate(names):
        if isinstance(name, str):
            yield from _variable_faults(name, pointer.join(prefix, index))


def _variable_faults(name: str, path: str) -> Iterator[Fault]:
    if not re.fullmatch(VARIABLE, name):
        yield Fault(path, f'"{name}" cannot be the name of a variable', "letters, digits and _")
    elif name.startswith(_RESERVED):
        yield Fault(
            path, f"variables that begin with {_RESERVED} belong to errandry", "another name"
        )
