"""What is refused before the SDK reads a message: it would guess where JSON-RPC 2.0 wants an error."""

from typing import Any

from mcp import types

from errandry.jsontext import JsonError, loads


def fault(text: bytes) -> types.ErrorData | None:
    """Return why a message cannot be accepted, or None; the answer's id is null (section 5 of JSON-RPC).

    Refused is what two readers could read differently, and a request whose id is no text or integer,
    which the SDK takes for a notification and leaves without an answer.
    """
    try:
        message = loads(text)
    except JsonError as error:
        return types.ErrorData(code=types.PARSE_ERROR, message=f"Parse error: {error}")
    if isinstance(message, dict) and "method" in message and not _is_id(message.get("id", "none")):
        return types.ErrorData(
            code=types.INVALID_REQUEST, message="The id of a request is a text or an integer"
        )
    return None


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
