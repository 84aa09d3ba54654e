"""``key=value`` words of the command line, read by the command's schema."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from errandry import jsontext
from errandry.cli.exits import Exit, Refusal

_TYPES: Final = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_MAX_DEPTH: Final = 16


def read_arguments(words: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that the words spell.

    ``key=text`` becomes what the schema (JSON Schema, a command's `parameters`) says of `key`:
    integer, number, boolean, null, object and array are read as JSON, an array also from a repeated
    key; a string stays as it is. ``key:=json`` is JSON whatever the schema says. A text that does
    not fit stays a string: the server then names it together with every other fault.

    Raises:
        Refusal: a word is no assignment, or a key that is no array stands twice.
    """
    reader = _Reader(schema)
    texts: dict[str, list[str]] = {}
    arguments: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or key in ("", ":"):
            raise Refusal(Exit.USAGE, f"{word!r} is no argument; write key=value or key:=JSON")
        if key.endswith(":"):
            _put(arguments, key[:-1], _json(word, text))
        else:
            texts.setdefault(key, []).append(text)
    for key, values in texts.items():
        _put(arguments, key, reader.value(key, values))
    return arguments


def _put(arguments: dict[str, Any], key: str, value: Any) -> None:
    if key in arguments:
        raise Refusal(Exit.USAGE, f"The argument {key} stands twice")
    arguments[key] = value


def _json(word: str, text: str) -> Any:
    try:
        return jsontext.loads(text)
    except jsontext.JsonError as error:
        raise Refusal(Exit.USAGE, f"{word!r} holds no JSON: {error}") from error


class _Reader:
    """Reads texts by the types that a schema allows."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema

    def value(self, key: str, texts: Sequence[str]) -> Any:
        schema = (self._root.get("properties") or {}).get(key)
        types = self._types(schema)
        if len(texts) == 1 and ("array" not in types or "string" in types or _is_list(texts[0])):
            return _read(texts[0], types)
        if "array" not in types:
            raise Refusal(Exit.USAGE, f"The argument {key} stands twice and is no array")
        items = self._types(self._resolved(schema).get("items"))
        return [_read(text, items) for text in texts]

    def _types(self, schema: Any, depth: int = 0) -> frozenset[str]:
        """Return the JSON types that a value may have; none when the schema does not say."""
        schema = self._resolved(schema)
        if named := schema.get("type"):
            return frozenset([named] if isinstance(named, str) else named)
        if "const" in schema or "enum" in schema:
            return frozenset(
                _TYPES[type(value)] for value in schema.get("enum", [schema.get("const")])
            )
        if depth == _MAX_DEPTH:
            return frozenset()
        parts = [part for word in ("anyOf", "oneOf", "allOf") for part in schema.get(word, ())]
        return frozenset().union(*(self._types(part, depth + 1) for part in parts))

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        """Follow local references; what cannot be followed allows anything."""
        for _ in range(_MAX_DEPTH):
            if not isinstance(schema, Mapping):
                break
            if not isinstance(reference := schema.get("$ref"), str):
                return schema
            schema = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        node: Any = self._root if reference.startswith("#") else None
        for step in reference.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")  # RFC 6901
            node = node.get(name) if isinstance(node, Mapping) else None
        return node


def _is_list(text: str) -> bool:
    try:
        return isinstance(jsontext.loads(text), list)
    except jsontext.JsonError:
        return False


def _read(text: str, types: frozenset[str]) -> Any:
    if not types or "string" in types:
        return text
    try:
        value = jsontext.loads(text)
    except jsontext.JsonError:
        return text
    name = _TYPES[type(value)]
    return value if name in types or (name == "integer" and "number" in types) else text
