"""JSON, read strictly and written canonically.

Python's reader takes the last of two equal keys, NaN, lone surrogates and any depth. Two programs
that read such a text differently is how a check is walked around, so all of it is refused here.
"""

import json
import math
from typing import Any, Final

MAX_DEPTH: Final = 64


class JsonError(ValueError):
    """The text is not JSON as we accept it; `line` counts from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def loads(text: bytes | str, max_depth: int = MAX_DEPTH) -> Any:
    """Read one JSON document (RFC 8259).

    Raises:
        JsonError: no JSON, not UTF-8, a key twice in one object, NaN or Infinity, a NUL or a lone
            surrogate in a string, a number beyond those of a double or of more than 4,300 digits,
            nested too deeply.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        document = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise JsonError(
            f"{error.msg} at line {error.lineno} column {error.colno}", error.lineno
        ) from error
    except RecursionError as error:
        raise JsonError(f"nested deeper than {max_depth} levels") from error
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {error.start}") from error
    except JsonError:
        raise
    except ValueError as error:  # an integer too long to convert
        raise JsonError(str(error)) from error
    check_text(document, max_depth)
    return document


def check_text(document: Any, max_depth: int = MAX_DEPTH) -> None:
    """Refuse what cannot be written as JSON or as text of PostgreSQL, and what is nested too deeply.

    Raises:
        JsonError: a NUL or a lone surrogate in a string or key, a number that is none or beyond
            those of a double (1e999), or more than `max_depth` levels.
    """
    level = [document]
    for _ in range(max_depth + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                _check_string(value)
            elif isinstance(value, float) and not math.isfinite(value):
                raise JsonError("a number is beyond the range of a double")
            elif isinstance(value, dict):
                for key in value:
                    _check_string(key)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return
        level = below
    raise JsonError(f"nested deeper than {max_depth} levels")


def _check_string(text: str) -> None:
    if "\0" in text:
        raise JsonError("a string contains a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise JsonError("a string contains a lone surrogate, which is no Unicode text")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise JsonError(f'the key "{twice}" stands twice in one object')
    return document


def _refuse_constant(name: str) -> None:
    raise JsonError(f"{name} is no JSON value")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise JsonError(f"the number {text[:40]} is too large")
    return number


def canonical(document: Any) -> str:
    """Write a document with sorted keys and no spaces: equal documents give equal texts."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def compact(document: Any) -> str:
    """Write a document without spaces, keys in their order."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
