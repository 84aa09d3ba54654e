"""Characters that a person does not see and a language model reads all the same."""

import unicodedata
from typing import Final

_FINE: Final = frozenset("\n\t")
_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Controls; format characters (bidirectional, zero-width, tags); line and paragraph separators."""


def invisible(text: str) -> list[str]:
    """Return the invisible characters of a text as ``U+202E``, each once, in their order."""
    if text.isascii() and text.isprintable():
        return []
    found = (c for c in text if c not in _FINE and unicodedata.category(c) in _CATEGORIES)
    return [f"U+{ord(character):04X}" for character in dict.fromkeys(found)]
