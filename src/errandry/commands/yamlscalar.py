"""What an unquoted word of YAML stands for."""

import math
import re
from typing import Final

# YAML 1.2.2, 10.3.2 (core schema), but a number with a leading zero is text: it is a file mode or a
# postal code more often than a number.
_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGER: Final = re.compile(r"([-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_BASES: Final = {"0o": 8, "0x": 16}
MAX_DIGITS: Final = 1000


def resolve(word: str) -> bool | int | float | str | None:
    """Return what an unquoted word stands for; `no`, `010`, `1:30` and `2026-11-24` are text.

    Raises:
        ValueError: a number that JSON cannot hold, or of more than 1,000 digits.
    """
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    is_integer = INTEGER.match(word)
    if not is_integer and not FLOAT.match(word):
        if _NOT_FINITE.fullmatch(word):
            raise ValueError(f"{word} is no JSON number; put it in quotes if it is text")
        return word
    if len(word) > MAX_DIGITS:
        raise ValueError(
            f"a number of more than {MAX_DIGITS} digits; put it in quotes if it is text"
        )
    if is_integer:
        return int(word, _BASES.get(word[:2], 10))
    number = float(word)
    if math.isinf(number):
        raise ValueError(f"{word} is too large for a number")
    return number
