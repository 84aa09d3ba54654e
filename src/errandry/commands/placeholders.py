"""``{name}`` in a text: found once, used for every task.

``{{`` and ``}}`` are literal braces; ``{name?text}`` stands for `text` when the boolean is true,
``{secret:NAME}`` for the value of a secret.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}?]*)(?:\?(?P<flag>[^{}]*))?\}|[{}]")
_MARK: Final = "secret:"
_NAME: Final = re.compile(rf"(?:{_MARK})?[A-Za-z_][A-Za-z0-9_.-]*")


class BadTemplate(ValueError):
    """The text breaks the rules of placeholders; the message says which and how to write it."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Where a value goes. `flag` is the text that a true boolean stands for."""

    name: str
    flag: str | None = None

    @property
    def secret(self) -> str | None:
        """The name of the secret whose value goes there, or None when an argument does."""
        return self.name.removeprefix(_MARK) if self.name.startswith(_MARK) else None

    def __str__(self) -> str:
        return f"{{{self.name}}}" if self.flag is None else f"{{{self.name}?{self.flag}}}"


@dataclass(frozen=True, slots=True)
class Template:
    """A literal, and at most one placeholder after it."""

    literal: str
    placeholder: Placeholder | None = None

    @property
    def is_whole(self) -> bool:
        """Whether there is a placeholder and nothing else."""
        return self.placeholder is not None and not self.literal


def parts(text: str) -> list[str | Placeholder]:
    """Return the literals and placeholders of a text, in their order.

    Raises:
        BadTemplate: a single brace, or a placeholder without a name.
    """
    found: list[str | Placeholder] = []
    end = 0
    for token in _TOKEN.finditer(text):
        found.append(text[end : token.start()])
        found.append(_part(token))
        end = token.end()
    return [part for part in [*found, text[end:]] if part != ""]


def _part(token: re.Match[str]) -> str | Placeholder:
    if token[0] in ("{{", "}}"):
        return token[0][0]
    name, flag = token["name"], token["flag"]
    if name is None:
        raise BadTemplate(f'a single "{token[0]}"; write "{token[0] * 2}" for a literal brace')
    if not _NAME.fullmatch(name):
        raise BadTemplate(f'"{token[0]}" is no placeholder; write {{{{ and }}}} for literal braces')
    if flag == "":
        raise BadTemplate(f'"{token[0]}" says nothing; write for example {{{name}?--{name}}}')
    return Placeholder(name, flag)


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """Read a text that may hold one placeholder, whole or after a literal.

    Raises:
        BadTemplate: see `parts`; or several placeholders, or text behind one.
    """
    literal = ""
    placeholder: Placeholder | None = None
    for part in parts(text):
        if placeholder is not None:
            raise BadTemplate(
                f"nothing may follow the placeholder {placeholder}; use another element"
            )
        if isinstance(part, str):
            literal += part
        else:
            placeholder = part
    if placeholder and placeholder.flag is not None and literal:
        raise BadTemplate(f"{placeholder} must stand alone")
    return Template(literal, placeholder)
